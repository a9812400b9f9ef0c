"""The training dock: by clicks, in another thread, to be cancelled at any time."""

import os
import sys
import threading
from collections.abc import Iterator

import pytest
from helpers import stand_in
from napari.qt.threading import WorkerBase
from napari.utils.notifications import Notification, notification_manager
from qtpy.QtCore import QPoint, Qt

from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.training.dock import NO_STUDY, TrainingDock
from napari_mcwss.plugin.training.remembered import remembered
from napari_mcwss.plugin.training.run_comparison import RunComparison
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.table import Tag
from napari_mcwss.training import loop
from napari_mcwss.training.events import Advice, Batch, Epoch, Finished, Message, Started

pytestmark = pytest.mark.gui
PATIENCE = 60_000
"""Milliseconds for what takes some seconds, on a busy machine too."""


@pytest.fixture
def dock(make_napari_viewer) -> Iterator[TrainingDock]:
    viewer = make_napari_viewer(show=True)
    dock = TrainingDock(viewer)
    viewer.window.add_dock_widget(dock, name="Training")
    yield dock
    dock.background.cancel()
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def ready(dock, tagged_study) -> TrainingDock:
    """The dock on a study, set to two quick epochs."""
    dock.session.open(tagged_study)
    dock.session.show(tagged_study.scan_names[0])
    dock.settings.length.setValue(2)
    dock.settings.fields["preset"].value = "local"
    dock.settings.fields["width"].value = 2
    dock.settings.device.setCurrentText("cpu")
    return dock


@pytest.fixture
def watched(monkeypatch) -> dict[str, object]:
    """Where the training runs and where it ends."""
    seen: dict[str, object] = {}
    train = loop.train

    def spy(*args, **kwargs):
        seen["started"] = threading.get_ident()
        try:
            yield from train(*args, **kwargs)
        finally:
            seen["ended"] = threading.get_ident()

    monkeypatch.setattr(loop, "train", spy)
    return seen


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def train(qtbot, dock) -> list[object]:
    events: list[object] = []
    dock.event_received.connect(events.append)
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE):
        click(qtbot, dock.train_button)
    dock.event_received.disconnect(events.append)
    return events


def start_long_training(qtbot, dock) -> None:
    dock.settings.length.setValue(10_000)
    with qtbot.waitSignal(
        dock.event_received, timeout=PATIENCE, check_params_cb=lambda e: isinstance(e, Epoch)
    ):
        click(qtbot, dock.train_button)


def changes(slices: range, tag: Tag) -> list[Change]:
    return [Change(index, name, tag, Tag.UNKNOWN) for index in slices for name in ("TC", "ED")]


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_without_a_study_the_dock_says_what_to_do(dock):
    assert not dock.train_button.isEnabled()
    assert not dock.cancel_button.isEnabled()
    assert dock.train_button.toolTip()
    assert dock.progress.status.text() == NO_STUDY


def test_what_the_tags_lack_is_told_before_the_click(qtbot, dock, phantom_study):
    dock.session.open(phantom_study)
    qtbot.waitUntil(lambda: not dock.train_button.isEnabled(), timeout=PATIENCE)
    assert "no slice of phantom01, phantom02 is tagged" in dock.readiness.text()
    dock.session.show("phantom01")
    dock.session.change_tags(changes(range(12), Tag.PRESENT))
    qtbot.waitUntil(lambda: "tagged TC absent" in dock.readiness.text(), timeout=PATIENCE)
    assert not dock.train_button.isEnabled()
    dock.session.change_tags(changes(range(12, 24), Tag.ABSENT))
    qtbot.waitUntil(dock.train_button.isEnabled, timeout=PATIENCE)
    assert "phantom01 is the only scan with tags" in dock.readiness.text()


def test_the_settings_of_the_last_training_come_back_with_its_study(
    qtbot, ready, tagged_study, make_napari_viewer
):
    ready.settings.fields["pixel"].value = 3.5
    train(qtbot, ready)
    again = TrainingDock(make_napari_viewer())
    qtbot.addWidget(again)
    assert again.settings.config.pixel is None
    again.session.open(tagged_study)
    assert again.settings.config == ready.settings.config
    assert again.settings.config.pixel == 3.5


def test_a_warning_is_told_once_in_the_dock(dock):
    dock.progress.show_event(Advice("TC is present only in phantom01"))
    dock.readiness._take(("", ["TC is present only in phantom01", "ED is nowhere absent"]))
    dock._refresh()
    assert dock.progress.advice.text() == "⚠ TC is present only in phantom01."
    assert dock.readiness.text() == "⚠ ED is nowhere absent."


def test_names_of_scans_are_hidden_while_a_training_tells_of_them(ready, tagged_study):
    ready.session.order.show_study(tagged_study)
    ready.session.order.set_blind(True)
    for kind in (Message, Advice):
        ready._show_event(kind("TC is only in phantom02"))
    assert ready.progress.status.text() == "TC is only in Scan 2"
    assert ready.progress.advice.text() == "⚠ TC is only in Scan 2."


def test_only_what_can_be_done_now_has_buttons(qtbot, ready):
    assert ready.train_button.isVisible()
    assert not ready.cancel_button.isVisible()
    start_long_training(qtbot, ready)
    assert not ready.train_button.isVisible()
    assert ready.cancel_button.isVisible()


def test_the_second_stage_by_a_click(qtbot, ready, tagged_study):
    box = ready.settings.fields["refine"].native
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    ready.settings.fields["pixel"].value = 2
    events = train(qtbot, ready)
    assert [event.epoch for event in events if isinstance(event, Epoch)] == [1, 2, 3, 4]
    assert any("labelling" in event.text for event in events if isinstance(event, Message))
    info = read_info(tagged_study.model_folder("model-1"))
    assert (info.preset, info.pixel) == ("refined", 2.0)
    assert {"contrast", "cross_entropy", "dice"} <= set(ready.progress.curves.lines)


def test_what_the_tags_cannot_teach_stays_on_screen(qtbot, ready, tagged_study):
    train(qtbot, ready)
    assert "level of a slice" not in ready.progress.advice.text()
    for name in tagged_study.scan_names[1:]:
        table = tagged_study.tags.read(name)
        table.values[:, 0] = 0
        tagged_study.tags.write({name: table})
    train(qtbot, ready)
    assert ready.progress.advice.isVisible()
    lines = ready.progress.advice.text().splitlines()
    assert any(f"TC is present only in {tagged_study.scan_names[0]}" in line for line in lines)
    assert len(set(lines)) == len(lines)


def test_two_epochs_by_a_click(qtbot, ready, tagged_study, watched, told):
    changes: list[bool] = []
    ready.session.models_changed.connect(lambda: changes.append(True))
    assert ready.settings.name.text() == "model-1"
    events = train(qtbot, ready)
    kinds = [type(event) for event in events]
    assert kinds.index(Message) < kinds.index(Started) < kinds.index(Batch)
    assert [event.epoch for event in events if isinstance(event, Epoch)] == [1, 2]
    assert isinstance(events[-1], Finished)
    assert watched["started"] == watched["ended"] == ready.background.thread_ident
    assert watched["started"] != threading.get_ident()
    assert {"total", "classification", "batches"} <= set(ready.progress.curves.lines)
    assert list(ready.progress.curves.lines["total"].getData()[0]) == [1, 2]
    assert "total" in ready.progress.curves.legend.text()
    assert len(ready.progress.curves.lines["batches"].getData()[0])
    assert ready.progress.bar.value() == ready.progress.bar.maximum()
    assert ready.progress.status.text().startswith("model-1 is ready after 2 epochs")
    assert changes
    assert tagged_study.model_names() == ["model-1"]
    assert ready.settings.name.text() == "model-2"
    assert ready.train_button.isEnabled()
    wanted: list[str] = []
    ready.session.results_wanted.connect(wanted.append)
    assert told[-1].message.startswith("model-1 is ready")
    ((text, show),) = told[-1].actions
    assert text == "Show the results"
    show(None)
    assert wanted == ["model-1"]


def test_a_cancelled_training_leaves_the_first_model_as_it_was(qtbot, ready, tagged_study, watched):
    train(qtbot, ready)
    before = contents(tagged_study.model_folder("model-1"))
    ready.settings.name.setText("model-1")
    assert ready.train_button.text() == "Replace model-1"
    watched.clear()
    start_long_training(qtbot, ready)
    assert not ready.train_button.isEnabled()
    assert "ended" not in watched
    with qtbot.waitSignal(ready.ended, timeout=PATIENCE):
        click(qtbot, ready.cancel_button)
        assert ready.progress.status.text() == "Cancelling …"
    assert watched["ended"] == watched["started"] != threading.get_ident()
    assert contents(tagged_study.model_folder("model-1")) == before
    assert tagged_study.model_names() == ["model-1", "model-1-stopped"]
    assert ready.progress.status.text() == "Cancelled. What was learned is kept as model-1-stopped."
    assert ready.train_button.isEnabled()
    assert not ready.cancel_button.isEnabled()


def test_after_a_finished_training_another_unfinished_one_is_not_proposed(qtbot, ready):
    start_long_training(qtbot, ready)
    with qtbot.waitSignal(ready.ended, timeout=PATIENCE):
        click(qtbot, ready.cancel_button)
    assert ready.train_button.text() == "Continue model-1"
    ready.settings.name.setText("quick")
    ready.settings.length.setValue(1)
    train(qtbot, ready)
    assert ready.settings.name.text() == "model-2"
    assert ready.train_button.text() == "Train"


def test_a_second_training_is_refused(qtbot, ready):
    start_long_training(qtbot, ready)
    refused: list[Notification] = []
    notification_manager.notification_ready.connect(refused.append)
    ready.train()
    notification_manager.notification_ready.disconnect(refused.append)
    assert [n.message for n in refused] == [
        "the training of model-1 is still running: wait or cancel it"
    ]


def test_closing_napari_ends_the_training(qtbot, ready, watched):
    start_long_training(qtbot, ready)
    ready.session.viewer.close()
    qtbot.waitUntil(lambda: "ended" in watched, timeout=PATIENCE)
    assert watched["ended"] == watched["started"]


def test_a_failure_is_told_and_the_buttons_come_back(qtbot, ready, monkeypatch):
    def broken(*args, **kwargs):
        yield Message("reading")
        raise ValueError("no memory for this")

    monkeypatch.setattr(loop, "train", broken)
    told: list[Notification] = []
    notification_manager.notification_ready.connect(told.append)
    train(qtbot, ready)
    notification_manager.notification_ready.disconnect(told.append)
    assert [notification.message for notification in told] == ["no memory for this"]
    assert ready.progress.status.text() == "Failed: no memory for this."
    assert ready.train_button.isEnabled()


def test_docks_of_one_viewer_share_the_study(ready, qtbot):
    second = TrainingDock(ready.session.viewer)
    qtbot.addWidget(second)
    assert second.session is Session.of(ready.session.viewer) is ready.session
    assert second.train_button.isEnabled()


def test_it_says_how_long_before_and_compares_after(qtbot, ready, tagged_study, told, monkeypatch):
    monkeypatch.setattr("napari_mcwss.training.estimate.STEPS", 1)
    click(qtbot, ready.compare_button)
    assert [notification.message for notification in told] == [
        "there is no model to compare: train one"
    ]
    with qtbot.waitSignal(ready.estimate.background.ended, timeout=PATIENCE):
        click(qtbot, ready.estimate.button)
    assert "for 2 epochs of local" in ready.estimate.answer.text()
    ready.settings.length.setValue(1)
    assert not ready.estimate.answer.isVisible(), "that was of other settings"
    train(qtbot, ready)
    click(qtbot, ready.compare_button)
    (window,) = ready.findChildren(RunComparison)
    qtbot.waitUntil(lambda: "total beside" in window.curves.lines, timeout=PATIENCE)
    assert window.isVisible()
    window.close()


@pytest.fixture
def other_computer(tmp_path, monkeypatch) -> str:
    """A template for a computer on which ``napari-mcwss`` only talks."""
    program = tmp_path / "bin" / "napari-mcwss"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {stand_in.__file__} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return "sh -c {command}"


def test_a_training_by_a_command_of_the_user_is_followed(qtbot, ready, other_computer):
    settings = ready.settings
    assert not settings.template.isVisible()
    qtbot.mouseClick(settings.separate, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert settings.separate.isChecked()
    assert settings.template.isVisible()
    settings.name.setText("quick")
    settings.template.setFocus()
    qtbot.keyClicks(settings.template, other_computer)
    events = train(qtbot, ready)
    assert any(isinstance(event, Batch) for event in events)
    assert isinstance(events[-1], Finished)
    assert remembered(ready.session.study.folder)["template"] == other_computer


def test_a_template_without_a_place_for_the_command_is_refused(qtbot, ready, told):
    ready.settings.separate.setChecked(True)
    ready.settings.template.setText("ssh gpu01")
    click(qtbot, ready.train_button)
    assert "expected {command}" in told[-1].message
    assert not ready.background.running


def test_corrected_masks_are_learnt_from_by_a_button_of_the_results_dock(qtbot, ready):
    viewer = ready.session.viewer
    results = ResultsDock(viewer)
    viewer.window.add_dock_widget(results, name="Results", tabify=True)
    results.parentWidget().raise_()
    click(qtbot, results.correction.train_button)
    assert ready.settings.trust.isChecked()
    qtbot.waitUntil(ready.isVisible, timeout=PATIENCE)
