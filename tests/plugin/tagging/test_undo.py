"""Steps of many scans are taken back and done again beside the screen."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from helpers.questions import User
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.tagging import undo as undoing
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study.study import Study
from napari_mcwss.tags.store import TagStore
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000


@pytest.fixture
def dock(make_napari_viewer, phantom_study, qtbot, monkeypatch) -> Iterator[TaggingDock]:
    """The dock on a study of two scans, which are many, all tagged present in one step."""
    monkeypatch.setattr(undoing, "AT_ONCE", 1)
    tables = {scan: phantom_study.tags.read(scan) for scan in phantom_study.scan_names}
    for table in tables.values():
        table.values[:] = Tag.PRESENT
    phantom_study.tags.write(tables)
    viewer = make_napari_viewer(show=True)
    dock = TaggingDock(viewer)
    viewer.window.add_dock_widget(dock, name="Tagging")
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    yield dock
    WorkerBase.await_workers(PATIENCE)


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def turn(qtbot, dock, name: str) -> None:
    """Click on Undo or Redo, say yes, and wait until all is written."""
    user = User(qtbot, name)
    with qtbot.waitSignal(dock.slices.undoing.background.ended, timeout=PATIENCE):
        click(qtbot, dock.slices.edit_buttons[name])
    assert user.questions == [
        f"The step to {name.lower()} changed 100 tags of phantom01, phantom02. {name} it?"
    ]


def tags(dock) -> list[int]:
    """Give all tags of the study, as they are on the disk."""
    study = Study.open(dock.session.study.folder)
    return np.concatenate(
        [study.tags.read(scan).values.ravel() for scan in study.scan_names]
    ).tolist()


def test_a_step_of_many_scans_is_taken_back_and_done_again(qtbot, dock):
    dock.session.go_to(15)
    turn(qtbot, dock, "Undo")
    # This slice was changed, like others: the user stays.
    assert dock.session.slice_index == 15
    assert set(tags(dock)) == {Tag.UNKNOWN}
    assert dock.slices.note.text() == "Undone: 100 tags of phantom01, phantom02."
    assert "unknown" in dock.slices.buttons.buttons[0].text()
    turn(qtbot, dock, "Redo")
    assert set(tags(dock)) == {Tag.PRESENT}
    assert "present" in dock.slices.buttons.buttons[0].text()


def test_the_screen_does_not_wait_and_nobody_tags_meanwhile(qtbot, dock, monkeypatch):
    go_on, threads, undo = threading.Event(), [], TagStore.undo

    def slow(book: TagStore) -> object:
        threads.append(threading.get_ident())
        go_on.wait(PATIENCE / 1000)
        return undo(book)

    monkeypatch.setattr(TagStore, "undo", slow)
    user = User(qtbot, "Undo")
    click(qtbot, dock.slices.edit_buttons["Undo"])
    assert user.satisfied
    (dialog,) = (d for d in dock.slices.findChildren(QDialog) if d.isVisible())
    assert dialog.isModal()
    qtbot.waitUntil(lambda: bool(threads), timeout=PATIENCE)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    dialog.close()
    assert dialog.isVisible(), "closed by its user, it would leave tags open to changes"
    with qtbot.waitSignal(dock.slices.undoing.background.ended, timeout=PATIENCE):
        go_on.set()
    assert not dialog.isVisible()
    assert threading.get_ident() not in threads
    assert set(tags(dock)) == {Tag.UNKNOWN}


def test_what_was_written_before_the_disk_was_full_is_on_the_screen(qtbot, dock, monkeypatch, told):
    undo = TagStore.undo

    def half(book: TagStore) -> object:
        undo(book)
        raise McwssError("cannot write 'phantom02.jsonl': No space left on device")

    monkeypatch.setattr(TagStore, "undo", half)
    turn(qtbot, dock, "Undo")
    assert "No space left" in told[-1].message
    assert "unknown" in dock.slices.buttons.buttons[0].text()
    assert not dock.slices.undoing.background.running
