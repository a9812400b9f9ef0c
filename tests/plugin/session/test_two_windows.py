"""Two windows on one study: the second reads only, says who tags, and takes over in the end."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from helpers.questions import User
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt

from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000

# Another program: it keeps the lock, and tags on each line that it is sent.
OTHER = """
import sys
from pathlib import Path
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag
study = Study.open(Path(sys.argv[1]))
study.tags.lock.acquire()
print("held", flush=True)
for line in sys.stdin:
    scan, index, name = line.split()
    study.tags.change(scan, int(index), name, Tag.PRESENT)
    print("tagged", flush=True)
study.tags.lock.release()
"""


@pytest.fixture
def dock(make_napari_viewer, qtbot) -> Iterator[TaggingDock]:
    dock = shown(make_napari_viewer, qtbot)
    yield dock
    WorkerBase.await_workers(PATIENCE)


def shown(make_napari_viewer, qtbot) -> TaggingDock:
    viewer = make_napari_viewer(show=True)
    dock = TaggingDock(viewer)
    viewer.window.add_dock_widget(dock, name="Tagging")
    return dock


def open_study(qtbot, dock, study: Study) -> None:
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(study.folder)


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def try_again(qtbot, dock) -> None:
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, dock.claim_button)


@pytest.fixture
def other(phantom_study) -> Iterator[subprocess.Popen[str]]:
    """Another program that has the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, phantom_study.folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def tag_there(process, text: str) -> None:
    process.stdin.write(text + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "tagged\n"


def values(study: Study, index: int) -> dict[str, list[int]]:
    return {scan: study.tags.read(scan).values[index].tolist() for scan in study.scan_names}


def test_another_program_is_named_and_cannot_be_disturbed(qtbot, dock, other, phantom_study):
    open_study(qtbot, dock, phantom_study)
    assert f"process {other.pid} on {socket.gethostname()}" in dock.status.text()
    assert not dock.slices.buttons.isEnabled()
    assert not any(button.isEnabled() for button in dock.slices.edit_buttons.values())
    assert not dock.slices.strip.isEnabled()
    click(qtbot, dock.claim_button)
    assert f"process {other.pid}" in dock.status.text()
    assert values(phantom_study, 12) == {"phantom01": [-1, -1], "phantom02": [-1, -1]}


def test_what_the_other_tagged_meanwhile_is_kept_shown_and_undone(
    qtbot, dock, other, phantom_study
):
    open_study(qtbot, dock, phantom_study)
    tag_there(other, "phantom01 12 TC")
    tag_there(other, "phantom02 12 ED")
    other.communicate(timeout=60)
    try_again(qtbot, dock)
    first, second = dock.slices.buttons.buttons
    assert "present" in first.text()
    qtbot.waitUntil(lambda: "(1 of 25" in dock.scans.item(1).text(), timeout=PATIENCE)
    click(qtbot, second)
    assert values(phantom_study, 12) == {"phantom01": [1, 1], "phantom02": [-1, 1]}
    user = User(qtbot, "Undo")
    for expected in (
        {"phantom01": [1, -1], "phantom02": [-1, 1]},
        {"phantom01": [1, -1], "phantom02": [-1, -1]},
        {"phantom01": [-1, -1], "phantom02": [-1, -1]},
    ):
        click(qtbot, dock.slices.edit_buttons["Undo"])
        assert values(phantom_study, 12) == expected
    assert user.questions == ["The step to undo changed 1 tag of phantom02. Undo it?"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_after_a_killed_program_the_study_opens_to_be_tagged(qtbot, dock, other, phantom_study):
    tag_there(other, "phantom01 12 TC")
    other.send_signal(signal.SIGKILL)
    other.wait(60)
    lock = phantom_study.folder / ".tags.lock"
    assert json.loads(lock.read_text())["process"] == other.pid
    open_study(qtbot, dock, phantom_study)
    assert dock.session.read_only == ""
    assert json.loads(lock.read_text())["process"] == os.getpid()
    click(qtbot, dock.slices.buttons.buttons[1])
    assert values(phantom_study, 12)["phantom01"] == [1, 1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_program_that_is_killed_meanwhile_is_taken_over_from(qtbot, dock, other, phantom_study):
    open_study(qtbot, dock, phantom_study)
    tag_there(other, "phantom01 12 TC")
    other.send_signal(signal.SIGKILL)
    other.wait(60)
    try_again(qtbot, dock)
    assert "present" in dock.slices.buttons.buttons[0].text()
    click(qtbot, dock.slices.buttons.buttons[0])
    assert phantom_study.tags.read("phantom01").get(12, "TC") is Tag.ABSENT


def test_another_computer_is_never_taken_over_from(qtbot, dock, phantom_study):
    lock = phantom_study.folder / ".tags.lock"
    there = {"process": 7, "host": "ward-2", "time": "2001-01-01T12:00:00+00:00"}
    lock.write_text(json.dumps(there))
    open_study(qtbot, dock, phantom_study)
    click(qtbot, dock.claim_button)
    assert "process 7 on ward-2" in dock.status.text()
    assert f"remove '{lock}'" in dock.status.text()
    assert not dock.slices.buttons.isEnabled()
    assert json.loads(lock.read_text()) == there


def test_a_second_window_of_this_program_waits_for_the_first(
    qtbot, make_napari_viewer, dock, phantom_study
):
    open_study(qtbot, dock, phantom_study)
    second = shown(make_napari_viewer, qtbot)
    open_study(qtbot, second, phantom_study)
    assert f"process {os.getpid()}" in second.status.text()
    assert not second.slices.buttons.isEnabled()
    click(qtbot, dock.slices.buttons.buttons[0])
    dock.session.close()
    assert dock.session.read_only == ""
    try_again(qtbot, second)
    assert "present" in second.slices.buttons.buttons[0].text()
    click(qtbot, second.slices.buttons.buttons[1])
    assert values(phantom_study, 12)["phantom01"] == [1, 1]
