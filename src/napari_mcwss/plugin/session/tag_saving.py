"""Writes tags to the disk, and keeps those that cannot be written."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime

from qtpy.QtCore import QObject, QTimer, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.changes import Change, with_changes
from napari_mcwss.tags.store import TagStore
from napari_mcwss.tags.table import TagTable

RETRY_MILLISECONDS = 3000


class TagSaving(QObject):  # type: ignore[misc]
    """Saves steps in their order; those that fail wait and are tried again.

    Attributes
    ----------
    changed : Signal
        Something was saved, or could not be: look at `saved_at` and `problem`.
    saved_at : datetime or None
        When all was on the disk; None before anything was saved.
    problem : str
        Why tags wait to be saved; empty if none do.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.saved_at: datetime | None = None
        self.problem = ""
        self._waiting: deque[tuple[TagStore, str, Sequence[Change]]] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(RETRY_MILLISECONDS)
        self._timer.timeout.connect(self.retry)

    @property
    def waiting(self) -> bool:
        """Whether tags are in memory only."""
        return bool(self._waiting)

    @property
    def count(self) -> int:
        """Number of tags that wait."""
        return sum(
            len({(change.slice_index, change.class_name) for change in changes})
            for scans in self.unsaved().values()
            for changes in scans.values()
        )

    def latest(self, store: TagStore, scan: str) -> TagTable:
        """Return the tags of a scan: those on the disk, changed by those that wait.

        Raises
        ------
        McwssError
            If the tags on the disk cannot be read.
        """
        return with_changes(store.read(scan), self.unsaved().get(store, {}).get(scan, []))

    def unsaved(self) -> dict[TagStore, dict[str, list[Change]]]:
        """Return the changes that wait, in their order: for each study, those of each scan."""
        unsaved: dict[TagStore, dict[str, list[Change]]] = {}
        for store, scan, changes in self._waiting:
            unsaved.setdefault(store, {}).setdefault(scan, []).extend(changes)
        return unsaved

    def save(self, store: TagStore, scan: str, changes: Sequence[Change]) -> None:
        """Save changes of a scan's tags, as one step."""
        self._waiting.append((store, scan, changes))
        self.retry()

    def note_saved(self) -> None:
        """Note that all is on the disk, as after an undo, which writes there itself."""
        self.saved_at = datetime.now()
        self.changed.emit()

    def retry(self) -> None:
        """Save the steps that wait, until one fails."""
        while self._waiting:
            store, scan, changes = self._waiting[0]
            try:
                store.apply(scan, changes)
            except McwssError as error:
                self.problem = str(error)
                self._timer.start()
                break
            self._waiting.popleft()
        else:
            self._timer.stop()
            self.problem = ""
            self.saved_at = datetime.now()
        self.changed.emit()
