"""A window that is closed while tags wait to be saved asks first, and loses none in silence."""

from collections.abc import Iterator

import numpy as np
import pytest
from helpers.questions import User
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import apply_import, plan_import
from napari_mcwss.tags.lock import TagLock
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dock(make_napari_viewer, phantom_study, qtbot) -> Iterator[TaggingDock]:
    """The dock on a study whose first tag is saved: TC is present on slice 12."""
    viewer = make_napari_viewer(show=True)
    dock = TaggingDock(viewer)
    viewer.window.add_dock_widget(dock, name="Tagging")
    # The fixture closes the viewer once more, which napari only can while the window exists.
    dock.window().setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    qtbot.mouseClick(dock.slices.buttons.buttons[0], LEFT)
    yield dock
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def disk(monkeypatch) -> Iterator[pytest.MonkeyPatch]:
    """A disk that is full until this is undone."""

    def full(*_: object) -> None:
        raise McwssError("cannot write 'x': No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_mcwss.tags.journal.append_line", full)
        yield patch


def close(dock) -> bool:
    """Close the window as its cross does; tell whether it is closed."""
    window = dock.viewer.window._qt_window
    window.close()
    return not window.isVisible()


def test_nobody_is_asked_where_all_is_saved(qtbot, dock):
    user = User(qtbot, "Cancel")
    assert close(dock)
    assert user.questions == []


def test_cancel_keeps_the_window_and_the_tags(qtbot, dock, disk):
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    user = User(qtbot, "Cancel")
    assert not close(dock)
    assert user.questions == [
        "1 tag of scan phantom01 is not saved: cannot write 'x': No space left on device."
    ]
    disk.undo()
    dock.session.saving.retry()
    study = dock.session.study
    assert study.tags.read("phantom01").get(12, "ED") == Tag.PRESENT
    assert close(dock)


def test_a_blind_reader_sees_no_name_of_a_scan(qtbot, dock, disk):
    dock.session.order.set_blind(True)
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    user = User(qtbot, "Close anyway")
    assert close(dock)
    assert user.questions[0].startswith("1 tag of scan Scan 1 is not saved")


def test_the_window_can_be_closed_all_the_same(qtbot, dock, disk, phantom_study):
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    user = User(qtbot, "Close anyway")
    assert close(dock)
    assert user.satisfied
    disk.undo()
    tags = Study.open(phantom_study.folder).tags.read("phantom01")
    assert (tags.get(12, "TC"), tags.get(12, "ED")) == (Tag.PRESENT, Tag.UNKNOWN)


def test_a_copy_can_be_imported_later(qtbot, dock, disk, phantom_study, tmp_path, monkeypatch):
    buttons = dock.slices.buttons.buttons
    qtbot.mouseClick(buttons[1], LEFT)
    dock.session.go_to(13)
    qtbot.mouseClick(buttons[0], LEFT)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    qtbot.mouseClick(buttons[1], LEFT)
    qtbot.mouseClick(buttons[1], LEFT)
    path = tmp_path / "elsewhere" / "copy.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    user = User(qtbot, "Save a copy")
    assert close(dock)
    assert "3 tags of scans phantom01, phantom02 are not saved" in user.questions[0]
    disk.undo()
    study = Study.open(phantom_study.folder)
    plan = plan_import(study, [path])
    assert (len(plan.conflicts), plan.counts().new) == (0, 3)
    apply_import(study, plan, overwrite=False)
    assert study.tags.read("phantom01").values[12:14].tolist() == [[1, 1], [1, -1]]
    assert study.tags.read("phantom02").values[12].tolist() == [-1, 0]


def test_a_copy_that_cannot_be_written_is_asked_for_again(
    qtbot, dock, disk, phantom_study, tmp_path, monkeypatch
):
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    (tmp_path / "folder.csv").mkdir()
    own = phantom_study.folder / "tags" / "phantom01.csv"
    names = iter([str(tmp_path / "folder.csv"), str(own), "", str(tmp_path / "copy.csv")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(names), ""))
    user = User(qtbot, *4 * ["Save a copy"])
    assert close(dock)
    assert "folder.csv" in user.questions[1]
    assert "where the study keeps its own tags" in user.questions[2]
    assert user.satisfied
    assert "phantom01,12,ED,present" in (tmp_path / "copy.csv").read_text().splitlines()
    assert "present" not in own.read_text(), "it is what the study itself has written"


def test_tags_of_a_study_that_is_gone_wait_and_are_offered_as_a_copy(
    qtbot, dock, phantom_study, tmp_path, monkeypatch
):
    folder = phantom_study.folder
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    saved = dock.slices.saved
    assert "1 tag waits" in saved.text()
    assert f"the study is gone from '{folder}'" in saved.text()
    assert not folder.exists()
    path = tmp_path / "copy.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    qtbot.mouseClick(saved.copy_button, LEFT)
    rows = path.read_text().splitlines()[1:]
    assert rows == ["phantom01,12,TC,present", "phantom01,12,ED,present"]
    elsewhere.rename(folder)
    dock.session.saving.retry()
    assert saved.text().startswith("saved ")
    assert not saved.copy_button.isVisible()
    assert Study.open(folder).tags.read("phantom01").values[12].tolist() == [1, 1]


def test_a_lock_that_was_taken_away_keeps_tags_waiting_until_it_is_free(qtbot, dock, phantom_study):
    lock = phantom_study.folder / ".tags.lock"
    lock.unlink()
    with TagLock(phantom_study.folder / "other.lock") as other:
        lock.write_bytes(other.path.read_bytes())
        qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
        assert "process" in dock.slices.saved.text()
    assert Study.open(phantom_study.folder).tags.read("phantom01").values[12].tolist() == [1, -1]
    lock.unlink()
    dock.session.saving.retry()
    assert Study.open(phantom_study.folder).tags.read("phantom01").values[12].tolist() == [1, 1]


def test_tags_that_were_cleared_are_told_to_be_in_no_copy(qtbot, dock, disk):
    qtbot.mouseClick(dock.slices.edit_buttons["Clear"], LEFT)
    user = User(qtbot, "Cancel", "Close anyway")
    assert not close(dock)
    assert "1 of them cleared" in user.questions[0]
    assert close(dock)


def test_the_question_goes_away_when_the_disk_takes_the_tags(qtbot, dock, disk, phantom_study):
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    # Saving is tried again every few seconds while the question stands.
    user = User(qtbot, disk.undo)
    assert close(dock)
    assert len(user.questions) == 1
    tags = Study.open(phantom_study.folder).tags.read("phantom01")
    np.testing.assert_array_equal(tags.values[12], [1, 1])


def test_tags_of_two_studies_are_asked_for_one_after_the_other(
    qtbot, dock, disk, tagged_study, tmp_path, monkeypatch
):
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(tagged_study.folder)
    qtbot.mouseClick(dock.slices.edit_buttons["Nowhere"], LEFT)
    names = iter([str(tmp_path / "first.csv"), str(tmp_path / "second.csv")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(names), ""))
    user = User(qtbot, "Save a copy", "Cancel", "Close anyway", "Close anyway")
    assert not close(dock)
    assert close(dock)
    assert len(user.questions) == 4
    assert "phantom01,12,ED,present" in (tmp_path / "first.csv").read_text()
    assert not (tmp_path / "second.csv").exists()


def test_the_window_asks_also_when_the_dock_is_gone(qtbot, dock, disk):
    viewer, window = dock.viewer, dock.viewer.window._qt_window
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    with qtbot.waitSignal(dock.destroyed, timeout=PATIENCE):
        pass
    user = User(qtbot, "Cancel", "Close anyway")
    window.close()
    assert window.isVisible()
    assert len(user.questions) == 1
    window.close()
    assert not window.isVisible()
