"""The part of the results dock that segments all scans, those of a folder, or open layers."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import duration
from napari_mcwss.plugin.results.layer_channels import (
    LayerChannelsDialog,
    OpenFound,
    read_model,
    segment_open,
)
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.rows import row
from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress, seconds_left, summary
from napari_mcwss.segmentation.masks.settings import MaskSettings

if TYPE_CHECKING:
    from napari_mcwss.model.checkpoint import ModelInfo
    from napari_mcwss.study.study import Study


class SegmentMore(QWidget):  # type: ignore[misc]
    """Buttons for all scans, a folder and open layers, with progress and cancel.

    Parameters
    ----------
    state : ResultState
        The study, the model and the settings; it looks for new results.

    Attributes
    ----------
    ended : Signal
        All scans are done, or it was cancelled.
    background : Background
        Segments.
    """

    ended = Signal()

    def __init__(self, state: ResultState) -> None:
        super().__init__()
        self._state, self._session = state, state.session
        self.background = Background(self)
        self.background.event_received.connect(self._take)
        self.background.ended.connect(self._end)
        self._reading = Latest(self, "reading of a model")
        self._reading.answered.connect(self._ask_channels)
        self._folder: Path | None = None
        self._before: tuple[Study, tuple[str, ...]] | None = None
        self._ended: list[ScanDone] = []
        self.all_button = QPushButton("Segment all scans")
        self.all_button.setToolTip("Those that this model has not segmented yet")
        self.all_button.clicked.connect(self.segment_all)
        self.folder_button = QPushButton("Segment a folder …")
        self.folder_button.setToolTip(
            "Add the scans of a folder to the study, and segment those that this model has not "
            "segmented yet"
        )
        self.folder_button.clicked.connect(self.ask_folder)
        self.layers_button = QPushButton("Segment open layers …")
        self.layers_button.setToolTip(
            "Image layers that you opened in napari. Without a study, the folder of a model is "
            "asked for"
        )
        self.layers_button.clicked.connect(self.segment_layers)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.clicked.connect(self.cancel)
        self.status = QLabel()
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setWordWrap(True)
        self._running = row(self.progress, self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        studys = row(self.all_button, self.folder_button)
        for widget in (studys, self.layers_button, self._running, self.status):
            layout.addWidget(widget)
        state.changed.connect(self.refresh)
        self.refresh()

    def segment_all(self) -> None:
        """Segment the study's scans that the model has not segmented yet."""
        study, state = self._session.study, self._state
        if study is None or not state.model:
            return
        events = _segment_all(study, state.model, state.settings, use_tags=state.use_tags)
        self._start("segmentation of all scans", events)

    def ask_folder(self) -> None:
        """Ask for a folder of scans, and segment it."""
        name = QFileDialog.getExistingDirectory(self, "Folder of scans")
        if name:
            self.segment_folder(Path(name))

    def segment_folder(self, folder: Path) -> None:
        """Add the scans of a folder to the study, and segment them."""
        study, state = self._session.study, self._state
        if study is None or not state.model:
            return
        self._before = study, study.scan_names
        events = _segment_folder(
            study, state.model, folder, state.settings, use_tags=state.use_tags
        )
        self._start(f"segmentation of the folder {folder.name}", events)

    def segment_layers(self) -> None:
        """Ask which layer is which channel, and segment them."""
        study, model = self._session.study, self._state.model
        if study is not None and model:
            self._folder = study.model_folder(model)
        else:
            name = QFileDialog.getExistingDirectory(self, "Folder of a model")
            self._folder = Path(name) if name else None
        if self._folder is not None:
            self.status.setText("Reading the model …")
            self._reading.ask(partial(read_model, self._folder))

    def cancel(self) -> None:
        """Ask to stop; what is stored stays."""
        self.background.cancel()
        self.status.setText("Cancelling …")
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done now."""
        running = self.background.running
        ready = self._session.study is not None and bool(self._state.model)
        for button in (self.all_button, self.folder_button):
            button.setEnabled(ready and not running)
        self.layers_button.setEnabled(not running)
        self._running.setVisible(running)
        self.cancel_button.setEnabled(running and not self.background.cancelling)

    def _ask_channels(self, info: "ModelInfo | McwssError") -> None:
        self.status.clear()
        folder = self._folder
        if isinstance(info, McwssError) or folder is None:
            show_error(str(info))
            return
        try:
            dialog = LayerChannelsDialog(self, self._session.viewer, info.channels)
        except McwssError as error:
            show_error(str(error))
            return
        dialog.accepted.connect(lambda: self._segment_open(folder, dialog))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _segment_open(self, folder: Path, dialog: LayerChannelsDialog) -> None:
        if dialog.scan is not None:
            events = segment_open(folder, dialog.scan, self._state.settings)
            self._start(f"segmentation of {dialog.scan.name}", events)

    def _start(self, title: str, events: Callable[[], Generator[Any, None, Any]]) -> None:
        try:
            self.background.start(Job(title, events, _is_frequent, computes=True, lasts=True))
        except McwssError as error:
            show_error(str(error))
            return
        self._ended = []
        self.progress.setValue(0)
        self.refresh()

    def _take(self, event: Any) -> None:
        if isinstance(event, Added):
            self._tell_added()
            return
        if isinstance(event, ScanDone):
            self._ended.append(event)
            if not (event.skipped or event.problem):
                self._state.look()
            return
        if self.background.cancelling:
            return
        if isinstance(event, str):
            self.status.setText(event)
            return
        text = f"{event.done} of {event.total} slices" if event.total else "reading"
        if isinstance(event, ScanProgress):
            label = self._session.order.label(event.scan)
            text = f"{label} ({event.number} of {event.scans}): {text}"
            left = seconds_left(event, self._ended)
            text += "" if left is None else f", about {duration(left)} left"
        # Without a measure it would move by itself, and all of the window be painted for it.
        self.progress.setRange(0, max(1, event.total))
        self.progress.setValue(event.done)
        self.status.setText(text)

    def _tell_added(self) -> None:
        """Have all docks show the scans that were added to the study, if any."""
        before, self._before = self._before, None
        study = self._session.study
        if before is not None and study is before[0] and study.scan_names != before[1]:
            self._session.study_changed.emit()

    def _end(self, outcome: JobOutcome) -> None:
        self._tell_added()
        if outcome.cancelled:
            text = "Cancelled."
        elif outcome.error is not None:
            text = "Failed."
        elif isinstance(outcome.value, OpenFound):
            outcome.value.show(self._session.viewer)
            name = outcome.value.scan.name
            text = f"{name} is segmented. The new layers are stored only if you save them."
        else:
            text = f"{outcome.value}."
        order = self._session.order
        problems = [
            f"{order.label(end.scan)}: {order.hide(end.problem)}"
            for end in self._ended
            if end.problem
        ]
        self.status.setText("\n".join([text, *problems]))
        self.refresh()
        self.ended.emit()


@dataclass(frozen=True)
class Added:
    """All scans of a folder that can be are in the study."""


def _segment_all(
    study: "Study", model: str, settings: MaskSettings, *, use_tags: bool
) -> Callable[[], Generator[Any, None, str]]:
    """Make the events of segmenting all scans; the value says what was done."""

    def events() -> Generator[Any, None, str]:
        names = study.scan_names
        return summary((yield from _segment(study, model, names, settings, use_tags=use_tags)))

    return events


def _segment_folder(
    study: "Study", model: str, folder: Path, settings: MaskSettings, *, use_tags: bool
) -> Callable[[], Generator[Any, None, str]]:
    """Make the events of adding the scans of a folder and segmenting them."""

    def events() -> Generator[Any, None, str]:
        yield "Looking for scans …"
        from napari_mcwss.scans.finding import find_scans
        from napari_mcwss.segmentation.batch import add_found

        names: list[str] = []
        problems: list[ScanDone] = []
        for scan, files in find_scans(folder, study.channels).items():
            yield None
            added, refused = add_found(study, {scan: files})
            names += added
            problems += refused
            yield from refused
        yield Added()
        ended = yield from _segment(study, model, names, settings, use_tags=use_tags)
        return summary([*problems, *ended])

    return events


def _segment(
    study: "Study", model: str, names: Sequence[str], settings: MaskSettings, *, use_tags: bool
) -> Generator[Any, None, list[ScanDone]]:
    """Segment scans that the model has not segmented yet."""
    yield "Loading the network …"
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.segmentation.batch import segment_scans

    ended: list[ScanDone] = yield from segment_scans(
        study,
        model,
        load_model(study.model_folder(model)),
        names,
        tags=lambda scan: study.tags.read(scan).values if use_tags else None,
        settings=settings,
    )
    return ended


def _is_frequent(event: object) -> bool:
    return not isinstance(event, str | ScanDone | Added)
