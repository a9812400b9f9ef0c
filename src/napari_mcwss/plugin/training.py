"""The dock that trains a model on the study's tags."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_mcwss.errors import McwssError
from napari_mcwss.plugin.background import Background, Job, Outcome
from napari_mcwss.plugin.curves import Curves
from napari_mcwss.plugin.devices import DeviceChoice
from napari_mcwss.plugin.session import Session
from napari_mcwss.plugin.words import duration, free_name
from napari_mcwss.training.config import DEFAULT_EPOCHS, TrainingConfig, training_config
from napari_mcwss.training.events import (
    Advice,
    Batch,
    Checkpoint,
    Epoch,
    Event,
    Finished,
    Message,
    Started,
)

if TYPE_CHECKING:
    from napari_mcwss.project import Study

PRESETS = {
    "local": "local",
    "mcwss (the paper's)": "mcwss",
    "published (to compare)": "published",
}
NO_STUDY = "Open or make a study in the Tagging dock first."
STEPS = 1000
AUTOMATIC = "automatic"
"""Steps of the progress bar."""


class TrainingDock(QWidget):  # type: ignore[misc]
    """Train a model in the background and see how it goes.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose study is trained on.

    Attributes
    ----------
    event_received : Signal
        Each event of the training that reaches the screen.
    ended : Signal
        How the training has ended, its `Outcome`, once the dock shows it.
    background : Background
        Runs the training.
    advice : QLabel
        What the tags cannot teach; hidden if there is nothing to say.
    curves : Curves
        The losses so far.
    """

    event_received = Signal(object)
    ended = Signal(object)

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = Session.of(napari_viewer)
        self.background = Background(self)
        self.background.event_received.connect(self._show_event)
        self.background.ended.connect(self._show_end)
        self._study: Study | None = None  # the one in training
        self._models_before: set[str] = set()
        self._make_widgets(napari_viewer.theme)
        self.session.study_changed.connect(self._study_changed)
        self.session.models_changed.connect(self._suggest_name)
        napari_viewer.events.theme.connect(self._theme_changed)
        self.destroyed.connect(_disconnector(self.session, napari_viewer, self))
        self._study_changed()

    def _make_widgets(self, theme: str) -> None:
        self.preset = QComboBox()
        self.preset.addItems(list(PRESETS))
        self.refine = QCheckBox("Refine")
        self.refine.setToolTip(
            "A second stage of the same length learns from the masks that the first one makes"
        )
        self.length = QSpinBox()
        self.length.setRange(0, 100_000)
        self.length.setSpecialValueText(AUTOMATIC)
        self.length.setToolTip(
            f"{AUTOMATIC.capitalize()}: {DEFAULT_EPOCHS} epochs, more if the slices are few"
        )
        self.unit = QComboBox()
        self.unit.addItems(["epochs", "minutes"])
        self.width_choice = QSpinBox()
        self.width_choice.setRange(1, 256)
        self.width_choice.setValue(16)
        self.width_choice.setToolTip("Features of the network's first block: more is slower")
        self.pixel = QDoubleSpinBox()
        self.pixel.setRange(0, 10)
        self.pixel.setSpecialValueText(AUTOMATIC)
        self.pixel.setSingleStep(0.5)
        self.pixel.setSuffix(" mm")
        self.pixel.setToolTip(
            f"Pixels that the network reads. {AUTOMATIC.capitalize()}: those of the scans, "
            "but not below 1 mm; 2 mm is about four times as fast"
        )
        self.device = DeviceChoice()
        self.name = QLineEdit()
        self.name.textChanged.connect(self._refresh)
        self.train_button = QPushButton("Train")
        self.train_button.clicked.connect(self.train)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.clicked.connect(self.cancel)
        self.progress = QProgressBar()
        self.progress.setRange(0, STEPS)
        self.progress.setTextVisible(False)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing())
        self.advice = QLabel()
        self.advice.setWordWrap(True)
        self.advice.hide()
        self.curves = Curves(theme)
        self.curves.hide()

        self.settings = QWidget()
        form = QFormLayout(self.settings)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Model", self.name)
        form.addRow("Method", _row(self.preset, self.refine))
        form.addRow("Length", _row(self.length, self.unit))
        form.addRow("Width", self.width_choice)
        form.addRow("Pixels", self.pixel)
        form.addRow("Device", self.device)
        layout = QVBoxLayout(self)
        layout.addWidget(self.settings)
        layout.addWidget(_row(self.train_button, self.cancel_button))
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        layout.addWidget(self.advice)
        layout.addWidget(self.curves, 1)
        layout.addStretch()

    @property
    def config(self) -> TrainingConfig:
        """The settings on screen.

        Raises
        ------
        McwssError
            If they are no valid configuration.
        """
        return training_config(
            preset=PRESETS[self.preset.currentText()],
            refine=self.refine.isChecked(),
            width=self.width_choice.value(),
            pixel=self.pixel.value() or None,
            device=self.device.currentText(),
            **{self.unit.currentText(): self.length.value() or None},
        )

    def train(self) -> None:
        """Start a training with the settings on screen."""
        study = self.session.study
        if study is None:
            return
        try:
            name, config = self.name.text().strip(), self.config
            study.model_folder(name)  # a name that cannot be a folder's is refused here
            job = Job(
                f"training of {name}", _training(study, name, config), _is_batch, computes=True
            )
            self.background.start(job)
        except McwssError as error:
            show_error(str(error))
            return
        self._study, self._models_before = study, set(study.model_names())
        self.curves.clear({spec.name: spec.colour for spec in study.classes})
        self.curves.show()
        self.advice.clear()
        self.advice.hide()
        self._refresh()
        self.progress.setRange(0, 0)  # moves without a measure until the first batch
        self.status.setText("Loading the network and the scans …")

    def cancel(self) -> None:
        """Ask the training to stop; it does after the batch that it is at."""
        self.background.cancel()
        self.status.setText("Cancelling …")
        self._refresh()

    def _show_event(self, event: Event) -> None:
        match event:
            case Batch():
                self.progress.setRange(0, STEPS)
                self.progress.setValue(round(event.progress * STEPS))
                done = event.epoch - 1 + event.batch / event.batches
                self.curves.add_batch(done, event.losses["total"])
                text = f"Epoch {event.epoch}: about {duration(event.seconds_left)} left"
            case Epoch():
                self.curves.add_epoch(event.epoch, event.losses, event.validation)
                text = self.status.text()
            case Started():
                count = len(event.scans) + len(event.validation_scans)
                text = f"{event.slices} tagged slices of {count} scans, on {event.device}"
            case Advice():
                told = [self.advice.text()] if self.advice.text() else []
                self.advice.setText("\n".join([*told, f"\u26a0 {_sentence(event.text)}."]))
                self.advice.show()
                text = self.status.text()
            case Message():
                text = _sentence(event.text)
            case Finished():
                text = (
                    f"{event.model} is ready after {event.epochs} epochs "
                    f"and {duration(event.seconds)}."
                )
            case Checkpoint():
                text = self.status.text()
        if not self.background.cancelling:
            self.status.setText(text)
        self.event_received.emit(event)

    def _show_end(self, outcome: Outcome) -> None:
        study, self._study = self._study, None
        self.progress.setRange(0, STEPS)
        if outcome.cancelled or outcome.error is not None:
            new = set(study.model_names()) - self._models_before if study else set()
            kept = f" What it had learned is kept as {new.pop()}." if new else ""
            self.progress.setValue(0)
            self.status.setText(("Cancelled." if outcome.cancelled else "Failed.") + kept)
        else:
            self.progress.setValue(STEPS)
        self.session.models_changed.emit()
        self.ended.emit(outcome)

    def _study_changed(self) -> None:
        self._suggest_name()
        if not self.background.running:
            self.status.setText(NO_STUDY if self.session.study is None else "")

    def _suggest_name(self) -> None:
        study = self.session.study
        if study is not None and not self.background.running:
            self.name.setText(free_name("model", study.model_names()))
        self._refresh()

    def _refresh(self) -> None:
        running, study = self.background.running, self.session.study
        self.settings.setEnabled(study is not None and not running)
        name = self.name.text().strip()
        taken = study is not None and not running and name in study.model_names()
        self.train_button.setText(f"Replace {name}" if taken else "Train")
        self.train_button.setEnabled(study is not None and not running and bool(name))
        self.train_button.setToolTip(f"{name} stays until the new one is done" if taken else "")
        self.cancel_button.setEnabled(running and not self.background.cancelling)

    def _theme_changed(self, event: Any) -> None:
        self.curves.set_theme(event.value)


def _training(
    study: "Study", name: str, config: TrainingConfig
) -> Callable[[], Generator[Event, None, None]]:
    def events() -> Generator[Event, None, None]:
        from napari_mcwss.training.loop import train

        yield from train(study, name, config)

    return events


def _is_batch(event: Event) -> bool:
    return isinstance(event, Batch)


def _disconnector(session: Session, viewer: Viewer, dock: TrainingDock) -> Callable[[], None]:
    """Give what ends a dock's connections: signals outlive it."""

    def disconnect() -> None:
        session.study_changed.disconnect(dock._study_changed, missing_ok=True)
        session.models_changed.disconnect(dock._suggest_name, missing_ok=True)
        viewer.events.theme.disconnect(dock._theme_changed)

    return disconnect


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, 1)
    return row
