"""Writes corrected masks in a thread, and keeps those that cannot be written."""

from collections.abc import Generator
from datetime import datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study

RETRY_MILLISECONDS = 3000

Key = tuple["Study", str]
_Written = tuple[CorrectedMask | None, McwssError | None]


class MaskSaving(QObject):  # type: ignore[misc]
    """Saves the latest state of each mask; those that fail wait and are tried again.

    Attributes
    ----------
    changed : Signal
        Something was saved, or could not be: look at `saved_at` and `problem`.
    saved_at : datetime or None
        When all was on the disk; None before anything was saved.
    problem : str
        Why masks wait to be saved; empty if none do, or they are just being written.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.saved_at: datetime | None = None
        self.problem = ""
        self._waiting: dict[Key, CorrectedMask] = {}
        self._writing = Lock()
        self._background = Background(self)
        self._background.ended.connect(self._ended)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(RETRY_MILLISECONDS)
        self._timer.timeout.connect(self._start)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Names of the scans whose masks are in memory only."""
        return tuple(scan for _, scan in self._waiting)

    def latest(self, study: "Study", scan: str) -> CorrectedMask | None:
        """Return the unsaved mask of a scan, newer than the file; None if there is none."""
        return self._waiting.get((study, scan))

    def unsaved(self, study: "Study") -> dict[str, NDArray[np.uint8]]:
        """Return the labels of all unsaved masks of a study, by scan."""
        return {scan: mask.labels for (of, scan), mask in self._waiting.items() if of is study}

    def save(self, study: "Study", scan: str, mask: CorrectedMask) -> None:
        """Save a mask, in place of an unsaved one of this scan."""
        self._waiting[study, scan] = mask
        self._start()

    def finish(self) -> None:
        """Save all masks that wait, until one fails, before this returns."""
        for key in list(self._waiting):
            mask, error = self._write(key)
            if error is not None:
                self._fail(error)
                return
            self._remove_written(key, mask)
        self._settle()

    def _start(self) -> None:
        if self._waiting and not self._background.running:
            key = next(iter(self._waiting))
            job = Job("saving of a corrected mask", partial(self._events, key), lambda _: False)
            self._background.start(job)

    def _events(self, key: Key) -> Generator[None, None, tuple[Key, _Written]]:
        # No event comes before: whoever cancels this would lose what was painted.
        yield from ()
        return key, self._write(key)

    def _write(self, key: Key) -> _Written:
        """Write the latest mask of a scan, in any thread; an older one never comes after it."""
        with self._writing:
            mask = self._waiting.get(key)
            try:
                if mask is not None:
                    save_corrected(*key, mask)
            except McwssError as error:
                return mask, error
        return mask, None

    def _remove_written(self, key: Key, mask: CorrectedMask | None) -> None:
        """Remove a written mask from those that wait, unless a newer one does."""
        if self._waiting.get(key) is mask:
            self._waiting.pop(key, None)

    def _ended(self, outcome: JobOutcome) -> None:
        error = outcome.error
        if outcome.value is not None:
            key, (mask, error) = outcome.value
            if error is None:
                self._remove_written(key, mask)
        if error is not None:
            self._fail(error)
        elif self._waiting:
            self._start()
        else:
            self._settle()

    def _fail(self, error: Exception) -> None:
        self.problem = str(error)
        # Another scan's mask may be taken where this one is not.
        first = next(iter(self._waiting), None)
        if first is not None:
            self._waiting[first] = self._waiting.pop(first)
        self._timer.start()
        self.changed.emit()

    def _settle(self) -> None:
        self._timer.stop()
        self.problem = ""
        self.saved_at = datetime.now()
        self.changed.emit()
