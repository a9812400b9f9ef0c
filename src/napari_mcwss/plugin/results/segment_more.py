"""The part of the Results dock that segments all scans, a folder, or open layers."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QInputDialog, QProgressBar, QPushButton, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import duration
from napari_mcwss.plugin.handon.folder_preview import Ambiguous, FolderPreview, look_into
from napari_mcwss.plugin.handon.segment_elsewhere import SegmentElsewhere
from napari_mcwss.plugin.results.layer_channels import (
    LayerChannelsDialog,
    OpenResult,
    read_model,
    segment_open,
)
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.questions import agreed, choose
from napari_mcwss.plugin.shared.rows import row, stack
from napari_mcwss.segmentation.batch_progress import (
    ScanDone,
    ScanProgress,
    Segmented,
    seconds_left,
    summary,
)
from napari_mcwss.segmentation.masks.settings import MaskSettings

if TYPE_CHECKING:
    from napari_mcwss.model.checkpoint import ModelInfo
    from napari_mcwss.study.study import Study


_SLICES = "Slices of one scan"


class SegmentMore(QWidget):  # type: ignore[misc]
    """Segments all scans, a folder or open layers, with progress and cancel."""

    ended = Signal()

    def __init__(self, state: ResultState) -> None:
        super().__init__()
        self._state, self._session = state, state.session
        self.status = Note(textFormat=Qt.TextFormat.PlainText)
        self._thread = self.background = Background(self)
        self.background.event_received.connect(self._take)
        self.background.ended.connect(self._end)
        self._finding = Latest(self, "search for scans in a folder")
        self._finding.answered.connect(self._agree_on_folder)
        self._reading = Latest(self, "reading of a model")
        self._reading.answered.connect(self._ask_channels)
        self._study: Study | None = None
        self._folder: Path | None = None
        self._before: tuple[Study, tuple[str, ...]] | None = None
        self._ended: list[ScanDone] = []
        self._summed_up = ""
        self.all_button = QPushButton(
            "Segment all scans",
            toolTip="Segment all scans of the study that this model has not segmented yet",
            clicked=self.segment_all,
        )
        self.folder_button = QPushButton(
            "Segment a folder …",
            toolTip="Add the scans of another folder to the study, and segment those that this "
            "model has not segmented yet, on this computer",
            clicked=self.ask_folder,
        )
        self.layers_button = QPushButton(
            "Segment open layers …",
            toolTip="Segment image layers that you opened in napari, with the model above; without "
            "a study, with one whose folder you choose",
            clicked=self.segment_layers,
        )
        self.elsewhere_button = QPushButton(
            "Segment on a server …",
            toolTip="Have another computer segment all scans of the study, by a command of yours "
            "such as ssh gpu01 {command}",
            clicked=self.ask_template,
        )
        self.elsewhere = SegmentElsewhere(self._session, self)
        self.elsewhere.runner.event_received.connect(self._take)
        self.elsewhere.runner.ended.connect(self._end)
        self.elsewhere.began.connect(self._begin)
        self.elsewhere.said.connect(self.status.setText)
        self.progress = QProgressBar(textVisible=False)
        self.cancel_button = QPushButton("Cancel", clicked=self.cancel)
        self._running = row(self.progress, self.cancel_button)
        buttons = row(self.all_button, self.folder_button)
        more = row(self.layers_button, self.elsewhere_button)
        stack(self, buttons, more, self._running, self.status)
        state.changed.connect(self.refresh)
        connect_until_destroyed(self, self._forget_study, self._session.study_opened)
        connect_until_destroyed(self, self._follow_left, self._session.study_changed)
        self.refresh()

    def segment_all(self) -> None:
        """Segment the study's scans that the model has not segmented yet."""
        study, state = self._session.study, self._state
        if study is None or not state.model:
            return
        names, settings = study.scan_names, state.settings
        events = partial(_segment, study, state.model, names, settings, state.use_tags)
        self._start("segmentation of all scans", events)

    def ask_folder(self) -> None:
        """Ask for a folder of scans, and segment them."""
        name = QFileDialog.getExistingDirectory(self, "Folder of scans")
        study, model = self._session.study, self._state.model
        if name and study is not None and model:
            self.status.setText("Looking for scans …")
            self._finding.ask(partial(look_into, study, model, Path(name)))

    def _agree_on_folder(self, found: "FolderPreview | Ambiguous | McwssError") -> None:
        """Say what is going to be written, and segment the folder if the user agrees."""
        self.status.clear()
        if isinstance(found, McwssError):
            show_error(str(found))
        elif (found.study, found.model) != (self._session.study, self._state.model):
            return
        elif isinstance(found, Ambiguous):
            self._ask_stacks(found)
        else:
            text = self._session.order.hide(found.text)
            if not found.scans or agreed(self, "Segment a folder", text, "Segment"):
                self.segment_folder(found.folder, stacks=found.stacks)

    def _ask_stacks(self, found: Ambiguous) -> None:
        """Ask what the pictures in a folder are, and look into it again."""
        text = (
            f"There are pictures in folders of {found.folder}. Are the pictures in a folder the "
            "slices of one scan, in the order of their names?"
        )
        said = choose(self, "Segment a folder", text, (_SLICES, "Scans or channels"))
        if said is not None:
            stacks = said == _SLICES
            self.status.setText("Looking for scans …")
            self._finding.ask(
                partial(look_into, found.study, found.model, found.folder, stacks=stacks)
            )

    def segment_folder(self, folder: Path, *, stacks: bool = False) -> None:
        """Add the scans of a folder to the study, and segment them."""
        study, state = self._session.study, self._state
        if study is None or not state.model:
            return
        self._before = study, study.scan_names
        settings = state.settings
        events = partial(
            _segment_folder, study, state.model, folder, settings, state.use_tags, stacks=stacks
        )
        self._start(f"segmentation of the folder {folder.name}", events)

    def ask_template(self) -> None:
        """Ask for a command of the user's, and have it segment all scans."""
        text, given = QInputDialog.getText(
            self,
            "Segment on a server",
            "The command that has the server segment; {command} stands for what it runs there, "
            "e.g. ssh gpu01 {command}",
            text=self.elsewhere.template,
        )
        state = self._state
        if given and text.strip() and state.model and not self.background.running:
            self.elsewhere.start(text.strip(), state.model, state.settings, state.use_tags)

    def _begin(self) -> None:
        """Show the progress of a segmentation elsewhere."""
        self.background = self.elsewhere.runner
        self._ended, self._study = [], self._session.study
        self.progress.setValue(0)
        self.status.setText("Waiting for the server to report …")
        self.refresh()

    def _follow_left(self) -> None:
        if not self.background.running:
            self.elsewhere.follow_left()

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
        """Ask the segmentation to stop; stored results stay."""
        self.background.cancel()
        self.status.setText("Cancelling …")
        self.refresh()

    def _forget_study(self) -> None:
        if not self.background.running:
            self.status.clear()

    def refresh(self) -> None:
        """Enable what can be done now."""
        running = self.background.running
        study, model = self._session.study, bool(self._state.model)
        for button in (self.all_button, self.folder_button, self.elsewhere_button):
            button.setEnabled(study is not None and model and not running)
        self.layers_button.setEnabled((study is None or model) and not running)
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
            events = partial(segment_open, folder, dialog.scan, self._state.settings)
            self._start(f"segmentation of {dialog.scan.name}", events)

    def _start(self, title: str, events: Callable[[], Generator[Any, None, Any]]) -> None:
        try:
            self.background = self._thread
            self.background.start(Job(title, events, _is_frequent, computes=True, lasts=True))
        except McwssError as error:
            show_error(str(error))
            return
        self._ended, self._study = [], self._session.study
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
                self._session.results_changed.emit(event.scan)
            return
        if isinstance(event, Segmented):
            self._summed_up = event.text
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
        # A bar without a range would move by itself, and Qt paint all of the window each time.
        self.progress.setRange(0, max(1, event.total))
        self.progress.setValue(event.done)
        self.status.setText(text)

    def _tell_added(self) -> None:
        """Have all docks show scans that were added to the study."""
        before, self._before = self._before, None
        study = self._session.study
        if before is not None and study is before[0] and study.scan_names != before[1]:
            self._session.study_changed.emit()

    def _end(self, outcome: JobOutcome) -> None:
        self._tell_added()
        order = self._session.order
        if outcome.cancelled:
            text = "Cancelled."
        elif outcome.error is not None:
            text = "Failed."
        elif isinstance(outcome.value, OpenResult):
            outcome.value.show(self._session.viewer)
            name = outcome.value.scan.name
            text = f"{name} is segmented. The new layers are stored only if you save them."
        else:
            text = order.hide(outcome.value or self._summed_up)
        problems = [
            f"{order.label(done.scan)}: {order.hide(done.problem)}"
            for done in self._ended
            if done.problem
        ]
        if self._study not in (None, self._session.study):
            text = f"{self._study.folder.name}: {text}"
        self.status.setText("\n".join([text, *problems]))
        self.refresh()
        self.ended.emit()


@dataclass(frozen=True)
class Added:
    """The scans of a folder were added to the study, as far as they can be read."""


def _segment_folder(
    study: "Study",
    model: str,
    folder: Path,
    settings: MaskSettings,
    use_tags: bool,
    *,
    stacks: bool,
) -> Generator[Any, None, str]:
    """Add the scans of a folder to the study and segment them; returns a summary."""
    yield "Looking for scans …"
    from napari_mcwss.scans.finding import find_chosen
    from napari_mcwss.segmentation.batch import add_found

    names: list[str] = []
    problems: list[ScanDone] = []
    for scan, files in find_chosen(folder, study.channels, stacks=stacks).items():
        yield None
        added, refused = add_found(study, {scan: files})
        names += added
        problems += refused
        yield from refused
    yield Added()
    return (yield from _segment(study, model, names, settings, use_tags, problems))


def _segment(
    study: "Study",
    model: str,
    names: Sequence[str],
    settings: MaskSettings,
    use_tags: bool,
    problems: Sequence[ScanDone] = (),
) -> Generator[Any, None, str]:
    """Segment scans that the model has not segmented yet; returns a summary."""
    yield "Loading the network …"
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.segmentation.batch import segment_scans
    from napari_mcwss.segmentation.missed_classes import missed_in_results

    ended = yield from segment_scans(
        study,
        model,
        load_model(study.model_folder(model)),
        names,
        tags=lambda scan: study.tags.read(scan).values if use_tags else None,
        settings=settings,
    )
    missed = missed_in_results(study, model, [end.scan for end in ended if not end.problem])
    return "\n".join([f"{summary([*problems, *ended])}.", *(found.text for found in missed)])


def _is_frequent(event: object) -> bool:
    return not isinstance(event, str | ScanDone | Added)
