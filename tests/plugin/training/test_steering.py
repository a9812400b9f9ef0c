"""The training dock's Pause, Resume and Cancel, and a training that outlives its window."""

import sys
from collections.abc import Callable, Iterator

import pytest
from helpers import stand_in
from helpers.questions import User
from napari.qt.threading import WorkerBase
from qtpy.QtCore import QPoint, Qt

from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.plugin.shared.background import JobOutcome
from napari_mcwss.plugin.shared.process_runner import ProcessRunner
from napari_mcwss.plugin.training import dock as training_dock
from napari_mcwss.plugin.training.dock import TrainingDock
from napari_mcwss.study.study import Study
from napari_mcwss.training import loop
from napari_mcwss.training.checkpoints.unfinished import (
    STATE,
    Unfinished,
    working_folder,
    write_summary,
)
from napari_mcwss.training.events import Batch, Epoch, Finished, Message
from napari_mcwss.training.process.event_json import Began, to_line
from napari_mcwss.training.process.run_folder import RunFolder
from napari_mcwss.training.process.steering import Paused, Resumed

pytestmark = pytest.mark.gui
PATIENCE = 120_000
LEFT = Qt.MouseButton.LeftButton

NewDock = Callable[[], TrainingDock]


@pytest.fixture
def new_dock(make_napari_viewer, phantom_study, qtbot, monkeypatch) -> Iterator[NewDock]:
    """Open napari on a study, with trainings of `stand_in` in place of real ones."""
    docks: list[TrainingDock] = []
    for name in phantom_study.scan_names:
        table = phantom_study.tags.read(name)
        table.values[:10], table.values[10:] = 1, 0
        phantom_study.tags.write({name: table})
    real = training_dock.train_command

    def command(*args: object, **named: object) -> list[str]:
        _, _, _, *options = real(*args, **named)  # python -m napari_mcwss
        return [sys.executable, stand_in.__file__, *options]

    monkeypatch.setattr(training_dock, "train_command", command)
    monkeypatch.setattr(loop, "train", stand_in.train)

    def make() -> TrainingDock:
        viewer = make_napari_viewer(show=True)
        docks.append(TrainingDock(viewer))
        viewer.window.add_dock_widget(docks[-1], name="Training")
        docks[-1].window().setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        docks[-1].session.open(Study.open(phantom_study.folder))
        return docks[-1]

    yield make
    for dock in docks:
        if dock.background.running:
            with qtbot.waitSignal(dock.ended, timeout=PATIENCE):
                dock.background.cancel()
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def dock(new_dock) -> TrainingDock:
    return new_dock()


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)


def choose_process(qtbot, dock) -> None:
    box = dock.settings.separate
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
    assert box.isChecked()


def event(qtbot, dock, kind):
    return qtbot.waitSignal(
        dock.event_received, timeout=PATIENCE, check_params_cb=lambda e: isinstance(e, kind)
    )


def start(qtbot, dock, kind: str, until: type, *, process: bool) -> None:
    """Start one of the trainings of `stand_in` by clicks."""
    if process:
        choose_process(qtbot, dock)
    dock.settings.name.setText(kind)
    with event(qtbot, dock, until):
        click(qtbot, dock.train_button)


def close(dock) -> bool:
    """Close the window as its cross does; tell whether it is closed."""
    window = dock.session.viewer.window._qt_window
    window.close()
    return not window.isVisible()


either = pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])


@either
def test_pause_resume_and_cancel_by_clicks(qtbot, dock, process):
    assert not dock.pause_button.isEnabled()
    start(qtbot, dock, "endless", Epoch, process=process)
    assert isinstance(dock.background, ProcessRunner) == process
    assert not dock.settings.isEnabled()
    assert dock.pause_button.text() == "Pause"
    with event(qtbot, dock, Paused):
        click(qtbot, dock.pause_button)
        assert dock.progress.status.text() == "Pausing …"
        assert dock.pause_button.text() == "Resume"
    assert dock.progress.status.text().startswith("Paused. Epoch ")
    assert dock.progress.status.text().endswith("about 1 minute left")
    assert not dock.train_button.isEnabled()
    with event(qtbot, dock, Resumed):
        click(qtbot, dock.pause_button)
        assert dock.progress.status.text().startswith("Epoch ")
    with event(qtbot, dock, Paused):
        click(qtbot, dock.pause_button)
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE) as ended:
        click(qtbot, dock.cancel_button)
        assert dock.progress.status.text() == "Cancelling …"
        assert not dock.pause_button.isEnabled()
        assert not dock.cancel_button.isEnabled()
    assert ended.args[0] == JobOutcome(cancelled=True)
    assert dock.progress.status.text() == "Cancelled."
    assert dock.pause_button.text() == "Pause"
    assert dock.train_button.isEnabled()


def test_a_process_that_does_not_answer_is_ended_by_a_click(qtbot, dock):
    dock._patience.setInterval(100)
    start(qtbot, dock, "stuck", Batch, process=True)
    click(qtbot, dock.cancel_button)
    assert not dock.end_button.isVisible()
    qtbot.waitUntil(dock.end_button.isVisible, timeout=PATIENCE)
    assert dock.progress.status.text() == "Cancelling … The process does not respond."
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE) as ended:
        click(qtbot, dock.end_button)
    assert ended.args[0] == JobOutcome(cancelled=True)
    assert dock.progress.status.text() == "Cancelled."
    assert not dock.end_button.isVisible()
    assert dock.train_button.isEnabled()


@either
def test_buttons_work_before_the_first_batch(qtbot, dock, process):
    start(qtbot, dock, "reading", Message, process=process)
    with event(qtbot, dock, Paused):
        click(qtbot, dock.pause_button)
    assert dock.progress.status.text() == "Paused. Reading pat1"
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE):
        click(qtbot, dock.cancel_button)
    assert dock.progress.status.text() == "Cancelled."


@either
def test_a_mistake_is_told_and_the_buttons_come_back(qtbot, dock, process, told):
    if process:
        choose_process(qtbot, dock)
    dock.settings.name.setText("mistaken")
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE):
        click(qtbot, dock.train_button)
    assert [notification.message for notification in told] == ["no tags: tag some"]
    assert dock.progress.status.text() == "Failed: no tags: tag some."
    assert dock.train_button.isEnabled()


def test_a_real_training_in_a_process_by_clicks(qtbot, make_napari_viewer, tagged_study):
    dock = TrainingDock(make_napari_viewer(show=True))
    dock.session.viewer.window.add_dock_widget(dock, name="Training")
    dock.session.open(tagged_study)
    dock.settings.length.setValue(2)
    dock.settings.fields["preset"].value = "local"
    dock.settings.fields["width"].value = 2
    dock.settings.fields["pixel"].value = 4
    dock.settings.device.setCurrentText("cpu")
    choose_process(qtbot, dock)
    events: list[object] = []
    dock.event_received.connect(events.append)
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE) as ended:
        click(qtbot, dock.train_button)
    assert ended.args[0] == JobOutcome()
    assert isinstance(events[0], Message)
    assert any(isinstance(event, Batch) for event in events)
    assert [event.epoch for event in events if isinstance(event, Epoch)] == [1, 2]
    assert isinstance(events[-1], Finished)
    assert dock.progress.status.text().startswith("model-1 is ready after 2 epochs")
    assert list(dock.progress.curves.lines["total"].getData()[0]) == [1, 2]
    assert dock.settings.name.text() == "model-2"
    info = read_info(tagged_study.model_folder("model-1"))
    assert (info.width, info.pixel, info.epochs) == (2, 4.0, 2)
    assert RunFolder.all(tagged_study) == []


@pytest.mark.parametrize("paused", [False, True])
def test_a_process_is_left_running_and_found_again(qtbot, new_dock, paused):
    first = new_dock()
    start(qtbot, first, "endless", Epoch, process=True)
    if paused:
        with event(qtbot, first, Paused):
            click(qtbot, first.pause_button)
    user = User(qtbot, "Leave it running")
    assert close(first)
    assert user.satisfied
    assert user.questions[0].startswith(
        f"The training of endless runs in a separate process{', paused' if paused else ''}."
    )
    qtbot.waitUntil(lambda: not first.background.running, timeout=PATIENCE)

    settings = {"width": 5, "minutes": 7.0, "pixel": 2.5}
    working = working_folder(first.session.study, "endless")
    working.mkdir()
    (working / STATE).touch()
    write_summary(working, Unfinished(name="endless", config=settings))

    second = new_dock()
    assert second.background.running
    assert second.settings.name.text() == "endless"
    config = second.settings.config
    assert (config.width, config.minutes, config.pixel) == (5, 7, 2.5), "its own"
    assert not second.settings.isEnabled()
    with event(qtbot, second, Paused if paused else Epoch):
        pass
    assert {"total", "AUC TC"} <= set(second.progress.curves.lines)
    if paused:
        assert second.pause_button.text() == "Resume"
        with event(qtbot, second, Resumed):
            click(qtbot, second.pause_button)
    with qtbot.waitSignal(second.ended, timeout=PATIENCE) as ended:
        click(qtbot, second.cancel_button)
    assert ended.args[0] == JobOutcome(cancelled=True)
    assert second.progress.status.text() == "Cancelled."
    assert second.train_button.isEnabled()


def test_a_process_is_stopped_with_the_window(qtbot, new_dock, phantom_study):
    first = new_dock()
    start(qtbot, first, "endless", Epoch, process=True)
    (run,) = RunFolder.all(phantom_study)
    user = User(qtbot, "Stop it")
    assert close(first)
    assert user.satisfied
    qtbot.waitUntil(lambda: not run.live, timeout=PATIENCE)
    second = new_dock()
    with qtbot.waitSignal(second.ended, timeout=PATIENCE) as ended:
        assert second.background.running
    assert ended.args[0] == JobOutcome(cancelled=True)


def test_the_window_stays_if_the_user_wants_that(qtbot, dock):
    start(qtbot, dock, "endless", Epoch, process=True)
    user = User(qtbot, "Cancel")
    assert not close(dock)
    assert user.satisfied
    with event(qtbot, dock, Epoch):
        pass
    assert dock.background.running


def test_the_question_goes_away_when_the_training_ends(qtbot, dock):
    start(qtbot, dock, "endless", Epoch, process=True)
    user = User(qtbot, lambda: RunFolder.all(dock.session.study)[0].tell("cancel"))
    assert close(dock)
    assert user.satisfied


@pytest.mark.parametrize("paused", [False, True])
def test_nobody_asks_about_a_thread_and_it_ends_with_the_window(qtbot, dock, paused):
    start(qtbot, dock, "endless", Epoch, process=False)
    if paused:
        with event(qtbot, dock, Paused):
            click(qtbot, dock.pause_button)
    user = User(qtbot, "Cancel")
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE) as ended:
        assert close(dock)
    assert user.questions == []
    assert ended.args[0] == JobOutcome(cancelled=True)


def test_a_training_of_another_window_comes_first(qtbot, new_dock, told):
    first, second = new_dock(), new_dock()
    start(qtbot, first, "endless", Epoch, process=True)
    second.settings.name.setText("quick")
    click(qtbot, second.train_button)
    assert [notification.message for notification in told] == [
        "the training of endless is still running: wait or cancel it"
    ]
    with qtbot.waitSignal(first.ended, timeout=PATIENCE):
        click(qtbot, second.cancel_button)
    qtbot.waitUntil(lambda: not second.background.running, timeout=PATIENCE)
    assert second.train_button.isEnabled()


def test_what_ended_meanwhile_is_told_once(qtbot, new_dock, phantom_study):
    run = RunFolder.of(phantom_study, "quick")
    run.make()
    began = Began("quick", time="2001-01-01T00:00:00+00:00")
    run.events.write_text("".join(f"{to_line(line)}\n" for line in (began, *stand_in.quick())))
    dock = new_dock()
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE) as ended:
        assert dock.background.running
    assert ended.args[0] == JobOutcome()
    assert dock.progress.status.text() == "quick is ready after 2 epochs and 3 seconds."
    assert list(dock.progress.curves.lines["total"].getData()[0]) == [1, 2]
    assert not dock.background.running
    assert RunFolder.all(phantom_study) == []
