"""The dock that trains a model on the study's tags."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QPushButton, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import free_name
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.docking import Dock
from napari_mcwss.plugin.shared.process_runner import ProcessJob, ProcessRunner
from napari_mcwss.plugin.shared.rows import dock_of, row, stack
from napari_mcwss.plugin.shared.scrolling import scroll
from napari_mcwss.plugin.training.announcement import announce, failure, of_study
from napari_mcwss.plugin.training.estimate import TrainingEstimate
from napari_mcwss.plugin.training.left_running import LeftRunning
from napari_mcwss.plugin.training.live_preview import LiveMaps
from napari_mcwss.plugin.training.progress import TrainingProgress
from napari_mcwss.plugin.training.readiness import Readiness
from napari_mcwss.plugin.training.remembered import remember, remembered
from napari_mcwss.plugin.training.run_comparison import RunComparison
from napari_mcwss.plugin.training.settings import TrainingSettings
from napari_mcwss.plugin.training.thread_job import thread_job
from napari_mcwss.training.checkpoints.unfinished import Unfinished, unfinished_training
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Advice, Checkpoint, Event, Message, Preview
from napari_mcwss.training.process.launcher import Beginning, train_command
from napari_mcwss.training.process.run_folder import RunFolder
from napari_mcwss.training.process.steering import Paused, Resumed

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study
    from napari_mcwss.training.process.event_json import Began

STUCK_MILLISECONDS = 10_000
"""Time after which a process that was cancelled, and still runs, can be ended."""

TRAIN = "Train on all tagged slices, in the background"
NO_STUDY = "Open or make a study in the Tagging dock first."


class TrainingDock(Dock):
    """Train a model in the background and watch its progress.

    `event_received` tells each event that reaches the screen, `ended` the `JobOutcome` once the
    dock shows it.
    """

    event_received = Signal(object)
    ended = Signal(object)

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = Session.of(napari_viewer)
        self._thread, self._process = Background(self), ProcessRunner(self)
        for runner in (self._thread, self._process):
            runner.event_received.connect(self._show_event)
            runner.ended.connect(self._show_end)
        self.background = self._thread
        self._study: Study | None = None  # the one in training
        self._models_before: set[str] = set()
        self._rests = False
        self._told: set[Began] = set()
        self._settings_wanted = ""  # the model whose own settings are still to be shown
        self._guarded = False
        self._make_widgets(napari_viewer.theme)
        connect_until_destroyed(self, self._come_forward, self.session.training_wanted)
        connect_until_destroyed(self, self._show_study, self.session.study_opened)
        connect_until_destroyed(self, self._study_changed, self.session.study_changed)
        connect_until_destroyed(self, self._suggest_name, self.session.models_changed)
        connect_until_destroyed(self, self._theme_changed, napari_viewer.events.theme)
        self._show_study()
        self._study_changed()

    def _make_widgets(self, theme: str) -> None:
        self._theme = theme
        self.settings = TrainingSettings()
        self.settings.name.textChanged.connect(self._refresh)
        self.train_button = QPushButton("Train", toolTip=TRAIN, clicked=self.train)
        self.restart_button = QPushButton(
            "Start over",
            toolTip="Discard the unfinished training, and start with these settings",
            clicked=self.restart,
        )
        self.pause_button = QPushButton(
            "Pause",
            toolTip="Pause after the current batch; memory stays in use",
            clicked=self.pause_or_resume,
        )
        self.cancel_button = QPushButton(
            "Cancel",
            toolTip="Stop and keep what was learned, to continue from there",
            clicked=self.cancel,
        )
        self.end_button = QPushButton(
            "End it now",
            toolTip="Kill the process, which does not respond. The last state that it wrote is "
            "kept",
            clicked=self.end_now,
        )
        wait = STUCK_MILLISECONDS
        self._patience = QTimer(self, singleShot=True, interval=wait, timeout=self._refresh)
        self.estimate = TrainingEstimate(self._asked)
        self.settings.changed.connect(self.estimate.forget)
        self.compare_button = QPushButton(
            "Compare …", toolTip="Compare the curves of two trainings", clicked=self.compare
        )
        self.progress = TrainingProgress(theme)
        self.readiness = Readiness(self.session)
        self.readiness.changed.connect(self._refresh)
        self.live_maps = LiveMaps(self.session)
        self.live_maps.watched_changed.connect(self._process.watch)
        self._begin_row = row(self.train_button, self.restart_button)
        self._steer_row = row(self.pause_button, self.cancel_button, self.end_button)
        ask = row(self.estimate.button, self.compare_button)
        results = self.estimate, self.live_maps, self.progress
        inside = QWidget()
        rows = self._begin_row, self._steer_row, ask
        stack(inside, self.settings, self.readiness, *rows, *results, margins=True)
        inside.layout().setStretch(7, 1)
        self._scrolled = scroll(inside)
        self.progress.curves.grown.connect(self._look_at_progress)
        stack(self, self._scrolled)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Find the window that has to ask before it is closed."""
        super().showEvent(event)
        dock = dock_of(self)
        if dock is not None and not self._guarded:
            self._guarded = True
            LeftRunning(dock.parentWidget(), self._process)

    def _come_forward(self) -> None:
        """Show the settings with which a model learns from corrected masks, to be started."""
        self.settings.trust.setChecked(True)
        dock = dock_of(self)
        if dock is not None:
            dock.show()
            dock.raise_()

    def train(self) -> None:
        """Start a training with the settings on screen, or continue the unfinished one."""
        self._try_to_start(Beginning.RESUME if self._unfinished() else Beginning.NEW)

    def restart(self) -> None:
        """Discard the unfinished training, and start one with the settings on screen."""
        self._try_to_start(Beginning.RESTART)

    def _try_to_start(self, beginning: Beginning) -> None:
        study = self.session.study
        if study is None:
            return
        try:
            self._start(study, beginning)
        except McwssError as error:
            show_error(str(error))

    def pause_or_resume(self) -> None:
        """Pause the training after the current batch, or let it go on."""
        self._steer(self.background.resume if self.background.paused else self.background.pause)

    def cancel(self) -> None:
        """Stop the training after the current batch."""
        self._patience.start()
        self._steer(self.background.cancel)

    def end_now(self) -> None:
        """Kill the process of a training that does not stop; its last state is kept."""
        self._steer(self._process.end_now)

    def compare(self) -> None:
        """Show the curves of two trainings of the study."""
        study = self.session.study
        if study is not None and study.model_names():
            RunComparison(self, study, self._theme).show()
        elif study is not None:
            show_error("there is no model to compare: train one")

    def _asked(self) -> "tuple[Study, TrainingConfig, bool]":
        if self.session.study is None:
            raise McwssError(NO_STUDY)
        return self.session.study, self.settings.config, self.settings.trust.isChecked()

    def _start(self, study: "Study", beginning: Beginning) -> None:
        if self.background.running or self._follow_left_run():
            raise McwssError(f"the {self.background.title} is still running: wait or cancel it")
        name, config = self.settings.model, self.estimate.fitted(self.settings.config)
        run = RunFolder.of(study, name)  # refuses names that no folder can have
        trust = self.settings.trust.isChecked()
        if beginning is not Beginning.RESUME:
            remember(study.folder, {**config.model_dump(), **self.settings.runner})
        if trust:
            self.session.correcting.save_painted()
            self.session.correcting.saving.finish()
        if self.settings.separate.isChecked():
            settings = self.settings
            command = train_command(
                study, name, config, beginning, settings.device.ranks, trust_corrected=trust
            )
            study.make_folder(run.folder.parent)
            self._process.start(ProcessJob(run, command, settings.runner["template"]))
            self.background = self._process
        else:
            watched = self.live_maps.watched
            self._thread.start(thread_job(study, name, config, beginning, watched, trust=trust))
            self.background = self._thread
        self._begin(study, "Loading the network and the scans …")

    def _follow_left_run(self) -> bool:
        """Follow a process that trains on the study, or show how it ended; return if there is one.

        It was left running when napari was closed, or belongs to another window.
        """
        study = self.session.study
        if study is None or self.background.running:
            return False
        runs = [run for run in RunFolder.all(study) if run.ours and run.began not in self._told]
        if not runs:
            return False
        run = runs[-1]
        if run.began is not None:
            self._told.add(run.began)
        self._process.attach(run)
        self.background = self._process
        self.settings.name.setText(run.model)
        self._settings_wanted = run.model
        self._show_own_settings()
        self._begin(study, f"Reading the progress of the training of {run.model} …")
        return True

    def _show_own_settings(self) -> None:
        """Show the settings of a training that was found running, once it has written them."""
        study, model = self.session.study, self._settings_wanted
        if study is None or not model:
            return
        found = unfinished_training(study, model)
        if found is not None and found.config:
            self._settings_wanted = ""
            self.settings.show_settings({**found.config, "separate": True})

    def _begin(self, study: "Study", news: str) -> None:
        self._study, self._models_before = study, set(study.model_names())
        self._rests = False
        self.estimate.forget()
        self.live_maps.tell()
        self.progress.begin({spec.name: spec.colour for spec in study.classes}, news)
        self._refresh()
        self._look_at_progress()

    def _look_at_progress(self) -> None:
        """Scroll to the curves, for which a small screen has no room below the settings."""
        # Once layouts have made room for what is new.
        QTimer.singleShot(0, self._scroll_to_progress)

    def _scroll_to_progress(self) -> None:
        self._scrolled.ensureWidgetVisible(self.progress, 0, 0)

    def _steer(self, command: Callable[[], None]) -> None:
        try:
            command()
        except McwssError as error:
            show_error(str(error))
        self._refresh()

    def _show_event(self, event: Event | Paused | Resumed) -> None:
        if isinstance(event, Paused | Resumed):
            self._rests = isinstance(event, Paused)
        if isinstance(event, Checkpoint):
            self._show_own_settings()
        if isinstance(event, Preview):
            self.live_maps.show_preview(event)
        if isinstance(event, Advice | Message):  # both name scans
            event = replace(event, text=self.session.order.hide(event.text))
        self.progress.show_event(event)
        self._refresh()
        self.event_received.emit(event)

    def _show_end(self, outcome: JobOutcome) -> None:
        study, self._study = self._study, None
        self._settings_wanted = ""
        self.live_maps.end()
        finished = not outcome.cancelled and outcome.error is None
        if not finished:
            new = set(study.model_names()) - self._models_before if study else set()
            kept = f" What was learned is kept as {new.pop()}." if new else ""
            end = "Cancelled." if outcome.cancelled else failure(outcome.error)
            self.progress.end(end + kept)
        else:
            self.progress.end()
            if study is not None:
                announce(self.session, study, self.settings.model, self.progress.news)
        if study is not self.session.study:
            self._show_study()
        self.session.models_changed.emit()
        if finished:
            # Whoever has trained on does not want to go back to what was left before.
            self._suggest_new_name()
        self.ended.emit(outcome)
        self._follow_left_run()

    def _show_study(self) -> None:
        """Begin with the settings of the open study, and nothing of the one before."""
        if self.background.running:
            return  # what is on screen is of the training, whose study has been left
        study = self.session.study
        kept = remembered(None if study is None else study.folder)
        self.settings.show_settings({**TrainingConfig().model_dump(), **kept})
        self.settings.trust.setChecked(False)
        self.progress.clear()

    def _study_changed(self) -> None:
        self.estimate.forget()
        if not self.background.running:
            self.progress.news = NO_STUDY if self.session.study is None else ""
        self._suggest_name()
        self._follow_left_run()

    def _suggest_name(self) -> None:
        models = self.session.known
        if models is not None and not self.background.running:
            left = [found.name for found in models.unfinished if not found.running]
            if left:
                self.settings.name.setText(left[-1])
            else:
                self._suggest_new_name()
        self._refresh()

    def _suggest_new_name(self) -> None:
        if (models := self.session.known) is not None:
            left = [found.name for found in models.unfinished]
            self.settings.name.setText(free_name("model", [*models.names, *left]))
            self._refresh()

    def _unfinished(self) -> Unfinished | None:
        models, name = self.session.known, self.settings.model
        if models is None or self.background.running:
            return None
        found = next((one for one in models.unfinished if one.name == name), None)
        return None if found is None or found.running else found

    def _refresh(self) -> None:
        running, study = self.background.running, self.session.study
        self.settings.setEnabled(study is not None and not running)
        name = self.settings.model
        models = self.session.known
        taken = models is not None and not running and name in models.names
        left = self._unfinished()
        self.restart_button.setVisible(left is not None)
        if left is not None:
            self.train_button.setText(f"Continue {name}")
            tip = f"Continue with its own settings, in {left.position}"
        else:
            self.train_button.setText(f"Replace {name}" if taken else "Train")
            tip = f"{name} stays until the new one is finished" if taken else TRAIN
        self.train_button.setToolTip(tip)
        self.readiness.leave_out(self.progress.advice.text().splitlines())
        self.readiness.setVisible(bool(self.readiness.text()) and not running)
        ready = self.readiness.ready or left is not None
        self.train_button.setEnabled(study is not None and not running and bool(name) and ready)
        self.estimate.button.setEnabled(study is not None and not running)
        self.compare_button.setEnabled(study is not None)
        steerable = running and not self.background.cancelling
        self._begin_row.setVisible(not running)
        self._steer_row.setVisible(running)
        self.pause_button.setText("Resume" if self.background.paused else "Pause")
        self.pause_button.setEnabled(steerable)
        self.cancel_button.setEnabled(steerable)
        self.end_button.setVisible(self._is_stuck)
        self.progress.status.setText(self._status())

    def _status(self) -> str:
        """Return what happens, or what the user has asked for as long as it does not happen."""
        if self._is_stuck:
            return "Cancelling … The process does not respond."
        if self.background.cancelling:
            return "Cancelling …"
        if self.background.paused:
            return f"Paused. {self.progress.news}" if self._rests else "Pausing …"
        return of_study(self.session, self._study, self.progress.news)

    @property
    def _is_stuck(self) -> bool:
        """Whether a process was cancelled some time ago, and still runs."""
        cancelled = self._process.cancelling and self.background is self._process
        return cancelled and not self._patience.isActive()

    def _theme_changed(self, event: Any) -> None:
        self._theme = event.value
        self.progress.curves.set_theme(self._theme)
