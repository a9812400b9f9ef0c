"""The list of a study's scans, with how far each of them is tagged."""

from collections.abc import Callable, Generator

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_mcwss.errors import McwssError
from napari_mcwss.plugin.background import Background, Job, Outcome
from napari_mcwss.project import Study
from napari_mcwss.tags.table import Tag, TagTable

Counted = tuple[Study, str, str, bool]
"""A study, one of its scans, how far that is tagged, and whether there is work left."""


class ScanList(QListWidget):  # type: ignore[misc]
    """Scans by name; how far each is tagged is counted beside the screen.

    Parameters
    ----------
    parent : QWidget, optional
        Of the list.

    Attributes
    ----------
    scan_chosen : Signal
        Name of the scan that the user has asked for.
    """

    scan_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study: Study | None = None
        self._names: tuple[str, ...] = ()
        self._told: set[str] = set()
        self._complete: set[str] = set()
        self._counting = Background(self)
        self._counting.event_received.connect(self._take_count)
        self._counting.ended.connect(self._counted)
        self.currentItemChanged.connect(self._choose)

    def show_study(self, study: Study | None) -> None:
        """List a study's scans, and count their tags anew."""
        self._study = study
        self._names = study.scan_names if study else ()
        self._told.clear()
        self._complete.clear()
        self.blockSignals(True)
        self.clear()
        for name in self._names:
            item = QListWidgetItem(name)
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.addItem(item)
        self.blockSignals(False)
        if self._counting.running:
            self._counting.cancel()
        else:
            self._count()

    def select(self, scan: str | None) -> None:
        """Select a scan, or none, without asking for it."""
        self.blockSignals(True)
        self.setCurrentRow(self._names.index(scan) if scan in self._names else -1)
        self.blockSignals(False)

    def show_tags(self, scan: str, table: TagTable) -> None:
        """Say how far a scan is tagged; this is newer than what is still being counted."""
        self._told.add(scan)
        self._say(scan, tagged_text(table), _complete(table))

    def next_with_work(self) -> str | None:
        """Give the next scan that has unknown tags, from the first again after the last."""
        start = self.currentRow() + 1
        for name in (*self._names[start:], *self._names[: max(0, start - 1)]):
            if name not in self._complete:
                return name
        return None

    def _say(self, scan: str, text: str, complete: bool) -> None:
        if complete:
            self._complete.add(scan)
        else:
            self._complete.discard(scan)
        if scan in self._names:
            self.item(self._names.index(scan)).setText(f"{scan}   ({text})")

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.scan_chosen.emit(item.data(Qt.ItemDataRole.UserRole))

    def _count(self) -> None:
        if self._study is not None:
            job = Job("count of tags", _counter(self._study, self._names), lambda _: False)
            self._counting.start(job)

    def _take_count(self, counted: Counted) -> None:
        study, scan, text, complete = counted
        if study is self._study and scan not in self._told:
            self._say(scan, text, complete)

    def _counted(self, outcome: Outcome) -> None:
        # Another study was opened meanwhile, or this one has got more scans.
        if outcome.error is None and outcome.value != (self._study, self._names):
            self._count()


def tagged_text(table: TagTable) -> str:
    """Say how many slices are tagged.

    Examples
    --------
    >>> tagged_text(TagTable.empty(25, ["TC"]))
    '0 of 25 slices tagged'
    """
    return f"{int(table.tagged.sum())} of {len(table.values)} slices tagged"


def _complete(table: TagTable) -> bool:
    return not bool((table.values == Tag.UNKNOWN).any())


def _counter(
    study: Study, names: tuple[str, ...]
) -> Callable[[], Generator[Counted, None, tuple[Study, tuple[str, ...]]]]:
    def events() -> Generator[Counted, None, tuple[Study, tuple[str, ...]]]:
        for name in names:
            try:
                table = study.tags(name)
                text, complete = tagged_text(table), _complete(table)
            except McwssError:
                # Why, the user is told who asks for the scan.
                text, complete = "cannot be read", True
            yield study, name, text, complete
        return study, names

    return events
