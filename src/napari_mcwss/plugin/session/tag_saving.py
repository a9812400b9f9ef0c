"""Brings tags to the disk, and keeps those that the disk does not take."""

from collections import deque
from datetime import datetime

from qtpy.QtCore import QObject, QTimer, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.store import TagStore
from napari_mcwss.tags.table import TagTable

RETRY_MILLISECONDS = 3000


class TagSaving(QObject):  # type: ignore[misc]
    """Saves steps in their order; what fails waits, and is tried again.

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
        self._waiting: deque[tuple[TagStore, str, TagTable]] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(RETRY_MILLISECONDS)
        self._timer.timeout.connect(self.retry)

    @property
    def waiting(self) -> bool:
        """Whether tags are in memory alone."""
        return bool(self._waiting)

    def latest(self, book: TagStore, scan: str) -> TagTable | None:
        """Give the tags of a scan that wait, None if none do: they are newer than the disk's."""
        waiting = [table for owner, name, table in self._waiting if (owner, name) == (book, scan)]
        return waiting[-1] if waiting else None

    def unsaved(self) -> dict[TagStore, dict[str, TagTable]]:
        """Give the tags that wait, as they are now: for each study's book, each scan's."""
        unsaved: dict[TagStore, dict[str, TagTable]] = {}
        for book, scan, table in self._waiting:
            unsaved.setdefault(book, {})[scan] = table
        return unsaved

    def save(self, book: TagStore, scan: str, table: TagTable) -> None:
        """Save a step: all tags of a scan as they are now."""
        self._waiting.append((book, scan, table))
        self.retry()

    def retry(self) -> None:
        """Save what waits, as far as that succeeds."""
        while self._waiting:
            book, scan, table = self._waiting[0]
            try:
                book.apply({scan: table})
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
