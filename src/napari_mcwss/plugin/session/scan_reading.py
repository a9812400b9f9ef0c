"""Reading of scans in the background, of which the last one requested is shown."""

from collections.abc import Callable, Generator
from contextlib import suppress

from qtpy.QtCore import QObject, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.study.study import Study


class ScanReading(QObject):  # type: ignore[misc]
    """Shows a scan in a session once its voxels are read.

    Parameters
    ----------
    parent : QWidget
        Its destruction ends the reading.
    session : Session

    Attributes
    ----------
    said : Signal
        A message about the progress.
    began : Signal
        A scan is being read.
    ended : Signal
        No scan is being read: it is on screen, or the user was told why not.
    """

    said = Signal(str)
    began = Signal()
    ended = Signal()

    def __init__(self, parent: QObject, session: Session) -> None:
        super().__init__(parent)
        self._session = session
        self._wanted: tuple[Study, str] | None = None
        self._begun: tuple[Study, str] | None = None
        self._background = Background(self)
        self._background.event_received.connect(self.said.emit)
        self._background.ended.connect(self._show)

    @property
    def running(self) -> bool:
        """Whether a scan is being read."""
        return self._background.running

    def read(self, study: Study, scan: str) -> None:
        """Read a scan and show it, in place of one that was requested before."""
        self._wanted = study, scan
        if self._background.running:
            self._background.cancel()
        else:
            self._begun = self._wanted
            order, here = self._session.order, self._session.scan
            events = _reader(study, scan, order, here if study is self._session.study else None)
            job = Job(f"reading of {order.label(scan)}", events, lambda _: False)
            self._background.start(job)
        self.began.emit()

    def _show(self, outcome: JobOutcome) -> None:
        wanted, self._wanted = self._wanted, None
        # A failed scan is not read again, but another may have been requested since then.
        done = outcome.value if outcome.error is None else self._begun
        if wanted is not None and wanted != done:
            self.read(*wanted)
            return
        if outcome.value is not None:
            study, scan = outcome.value
            if study is self._session.study:
                self._session.show(scan)
        self.ended.emit()


def _reader(
    study: Study, scan: str, order: ScanOrder, here: str | None
) -> Callable[[], Generator[str, None, tuple[Study, str]]]:
    label = order.label(scan)

    def events() -> Generator[str, None, tuple[Study, str]]:
        yield f"Reading {label} …"
        try:
            study.scan(scan).volume()
        except McwssError as error:
            raise McwssError(order.hide(str(error))) from error
        with suppress(McwssError):
            study.tags.prepare_history()
            # To leave the scan on screen is then no work for the main thread.
            if here is not None:
                study.tags.compact(here)
        yield f"Showing {label} …"
        return study, scan

    return events
