"""All scans are segmented by a command of the user's, which is followed by its events."""

import os
import subprocess
import sys
import time

import pytest
from helpers.questions import LEFT
from qtpy.QtWidgets import QInputDialog

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.results import has_result
from napari_mcwss.study.study import Study
from napari_mcwss.training.process.launcher import segment_command
from napari_mcwss.training.process.run_folder import RunFolder

pytestmark = pytest.mark.gui
PATIENCE = 120_000
MODEL = "model-1"


@pytest.fixture
def dock(results_dock: ResultsDock, tmp_path, monkeypatch) -> ResultsDock:
    """The dock beside a program ``napari-mcwss``, as it is on the other computer."""
    program = tmp_path / "bin" / "napari-mcwss"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m napari_mcwss "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return results_dock


def test_a_command_of_the_user_segments_all_scans(qtbot, dock, trained_study, monkeypatch, told):
    asked: list[str] = []

    def get_text(*_: object, text: str) -> tuple[str, bool]:
        asked.append(text)
        return "sh -c {command}", True

    monkeypatch.setattr(QInputDialog, "getText", get_text)
    dock.session.open(trained_study)
    said: list[str] = []
    dock.more.elsewhere.runner.event_received.connect(
        lambda _: said.append(dock.more.status.text())
    )
    with qtbot.waitSignal(dock.more.ended, timeout=PATIENCE):
        qtbot.mouseClick(dock.more.elsewhere_button, LEFT)
        qtbot.waitUntil(lambda: dock.more.background.running, timeout=PATIENCE)
        assert not dock.more.all_button.isEnabled()
    assert dock.more.status.text().startswith("4 scans segmented, ")
    assert all(has_result(trained_study, MODEL, scan) for scan in trained_study.scan_names)
    assert any("(4 of 4)" in line for line in said)
    qtbot.mouseClick(dock.more.elsewhere_button, LEFT)
    done = "All scans are segmented by this model."
    qtbot.waitUntil(lambda: dock.more.status.text() == done, timeout=PATIENCE)
    assert asked == ["", "sh -c {command}"], "the last command is proposed"


def left_behind(study: Study, *command: str) -> RunFolder:
    """Have a process segment, or another one fail, while no napari follows it."""
    run = RunFolder.of_segmentation(study, MODEL)
    run.make()
    settings = MaskSettings(steps=())
    scans = study.scan_names[:1]
    asked = command or segment_command(study, MODEL, scans, settings, use_tags=True)
    with run.output.open("wb") as output:
        subprocess.run(asked, stdout=output, stderr=output, check=False)
    return run


def test_the_end_of_a_run_is_told_though_napari_was_closed_then(qtbot, dock, trained_study):
    run = left_behind(trained_study)
    assert not run.live
    with qtbot.waitSignal(dock.more.ended, timeout=PATIENCE):
        dock.session.open(trained_study)
    assert dock.more.status.text().startswith("1 scan segmented, ")
    assert not run.folder.exists()
    assert dock.more.all_button.isEnabled()


def test_a_run_that_died_while_napari_was_closed_is_told(qtbot, dock, trained_study, told):
    run = left_behind(trained_study, "sh", "-c", "echo out of memory >&2; exit 137")
    long_ago = time.time() - 1000
    os.utime(run.folder, (long_ago, long_ago))
    with qtbot.waitSignal(dock.more.ended, timeout=PATIENCE):
        dock.session.open(trained_study)
    assert dock.more.status.text() == "Failed."
    assert "out of memory" in told[-1].message
    assert not run.folder.exists()


def test_a_command_that_fails_is_told(qtbot, dock, trained_study, monkeypatch, told):
    template = "sh -c 'echo no such host >&2; exit 255' {command}"
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: (template, True))
    dock.session.open(trained_study)
    with qtbot.waitSignal(dock.more.ended, timeout=PATIENCE):
        qtbot.mouseClick(dock.more.elsewhere_button, LEFT)
    assert dock.more.status.text() == "Failed."
    assert "the segmentation of model-1 has ended unexpectedly" in told[-1].message
    assert "no such host" in told[-1].message
    assert dock.more.all_button.isEnabled()
