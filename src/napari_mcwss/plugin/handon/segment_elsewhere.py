"""Segmentation by a command of the user's, as on another computer."""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.process_runner import ProcessJob, ProcessRunner
from napari_mcwss.plugin.shared.user_files import user_file
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.training.process.launcher import by_template, segment_command
from napari_mcwss.training.process.run_folder import RunFolder

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study

FILE = "napari-mcwss-template.txt"


class SegmentElsewhere(QObject):  # type: ignore[misc]
    """Has a command of the user's segment what a model has not segmented yet, and follows it.

    Attributes
    ----------
    began : Signal
        A command was started, or one that was left running is followed.
    said : Signal
        A message about the progress.
    """

    began = Signal()
    said = Signal(str)

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.runner = ProcessRunner(self)
        self._looking = Latest(self, "search for scans without a result")
        self._looking.answered.connect(self._start)
        self._left = Latest(self, "search for a segmentation that was left running")
        self._left.answered.connect(self._attach)

    @property
    def template(self) -> str:
        """The last command of the user's."""
        path = user_file(FILE)
        with suppress(OSError, UnicodeError):
            return "" if path is None else path.read_text("utf-8").strip()
        return ""

    def start(self, template: str, model: str, settings: MaskSettings, use_tags: bool) -> None:
        """Start the command, if there is a scan that the model has not segmented."""
        study, path = self._session.study, user_file(FILE)
        if study is None:
            return
        try:
            by_template(template, ["segment"])
        except McwssError as error:
            show_error(str(error))
            return
        if path is not None:
            with suppress(McwssError), replacing(path, parents=True) as temporary:
                temporary.write_text(template + "\n", encoding="utf-8")
        self.said.emit("Looking for scans without a result …")
        self._looking.ask(partial(_job, study, model, settings, template, use_tags=use_tags))

    def follow_left(self) -> None:
        """Follow a segmentation of the study that was left running, or tell how it has ended."""
        if (study := self._session.study) is not None:
            self._left.ask(partial(_left_running, study))

    def _attach(self, run: RunFolder | None) -> None:
        study = self._session.study
        if run is None or study is None or run.folder.parent.parent != study.folder:
            return
        if not self.runner.running:
            self.runner.attach(run)
            self.began.emit()

    def _start(self, job: ProcessJob | McwssError | None) -> None:
        if job is None:
            self.said.emit("All scans are segmented by this model.")
            return
        try:
            if isinstance(job, McwssError):
                raise job
            self.runner.start(job)
        except McwssError as error:
            self.said.emit("")
            show_error(str(error))
            return
        self.began.emit()


def _left_running(study: "Study") -> RunFolder | None:
    """Find a segmentation that goes on though nobody follows it, or whose end nobody has seen."""
    runs = map(RunFolder, sorted((study.folder / "models").glob(".*.segmenting")))
    return next(iter(sorted(runs, key=lambda run: not run.live)), None)


def _job(
    study: "Study", model: str, settings: MaskSettings, template: str, *, use_tags: bool
) -> ProcessJob | McwssError | None:
    """Return the command for all scans without a result; None if there is no such scan."""
    from napari_mcwss.segmentation.results import has_result

    try:
        scans = [scan for scan in study.scan_names if not has_result(study, model, scan)]
    except McwssError as error:
        return error
    command = segment_command(study, model, scans, settings, use_tags=use_tags)
    return ProcessJob(RunFolder.of_segmentation(study, model), command, template) if scans else None
