"""The list of a study's scans, and how many slices of each are tagged."""

import time
from collections.abc import Generator
from functools import partial

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag, TagTable

ROWS = 6
"""Most scans that are listed without scrolling."""

UPDATE = 0.5
"""Seconds between two updates of the counts; each one repaints the window."""

Read = tuple[Study, str, TagTable | None]
"""A study, one of its scans and its tags; None if they cannot be read."""


class ScanList(QListWidget):  # type: ignore[misc]
    """Lists scans, and counts their tagged slices in another thread.

    Parameters
    ----------
    order : ScanOrder
        Orders and names the scans.

    Attributes
    ----------
    scan_chosen : Signal
        Name of the scan that the user has chosen.
    tables_changed : Signal
        `tables` has changed.
    tables : dict of str to TagTable
        The tags of the scans that have been read so far.
    """

    scan_chosen = Signal(str)
    tables_changed = Signal()

    def __init__(self, order: ScanOrder) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # Long names end with an ellipsis: a bar would hide the last scan.
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._order = order
        self._order.changed.connect(self._list)
        self._study: Study | None = None
        self._names: tuple[str, ...] = ()
        self.tables: dict[str, TagTable] = {}
        self._unreadable: set[str] = set()
        self._stale: set[str] = set()
        self._rereading = Latest(self, "count of tags")
        self._rereading.answered.connect(self._take_reread)
        self._counting = Background(self)
        self._outdated = self._begun = False
        self._counting.event_received.connect(self._take_count)
        self._counting.ended.connect(self._counted)
        self.currentItemChanged.connect(self._choose)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as high as the scans need, up to `ROWS` of them."""
        row = max(self.sizeHintForRow(0), self.fontMetrics().lineSpacing())
        height = row * min(max(self.count(), 1), ROWS) + 2 * self.frameWidth() + 4
        return QSize(200, height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Do not shrink below that."""
        return QSize(100, self.sizeHint().height())

    def show_study(self, study: Study | None) -> None:
        """List a study's scans, whose tags `count_tags` counts."""
        self._study = study
        self._names = study.scan_names if study else ()
        self.tables.clear()
        self._unreadable.clear()
        self._stale.clear()
        self._order.show_study(study)
        self._list()
        # Also a count of the same scans: the tags may have changed since it has read them.
        self._outdated = self._counting.running
        self._counting.cancel()
        self._begun = False

    def count_tags(self) -> None:
        """Count the tags of the study, unless that has begun.

        Not at once: a count of hundreds of scans would hold up the first one that is shown.
        """
        if self._study is None or self._begun:
            return
        self._begun = True
        if not self._counting.running:
            self._start()

    def select(self, scan: str | None) -> None:
        """Select a scan, or none, without `scan_chosen`."""
        self.blockSignals(True)
        names = self._order.names
        self.setCurrentRow(names.index(scan) if scan in names else -1)
        self.blockSignals(False)

    def show_tags(self, scan: str, table: TagTable) -> None:
        """Show the counts of a scan on screen, which replace those still being read."""
        if self.tables.get(scan) is not table:
            self._stale.discard(scan)
            self._take(scan, table)
            self.tables_changed.emit()

    def read_again(self, scan: str) -> None:
        """Count the tags of a scan again, in another thread, as its file has changed."""
        if self._study is not None:
            self._stale.add(scan)
            self._rereading.ask(partial(_read_all, self._study, tuple(self._stale)))

    def next_with_work(self) -> str | None:
        """Return the next scan with unknown tags; after the last one, start at the first.

        A scan whose tags are not counted yet may have some.
        """
        start = self.currentRow() + 1
        names = self._order.names
        others = (*names[start:], *names[: max(0, start - 1)])
        return next((name for name in others if self._may_have_work(name)), None)

    def _may_have_work(self, scan: str) -> bool:
        if scan in self.tables:
            return Tag.UNKNOWN in self.tables[scan].values
        return scan not in self._unreadable

    def _take(self, scan: str, table: TagTable) -> None:
        self.tables[scan] = table
        self._update_item(scan)

    def _list(self) -> None:
        """Fill the list in the current order."""
        current = self.currentItem()
        selected = None if current is None else current.data(Qt.ItemDataRole.UserRole)
        self.blockSignals(True)
        self.clear()
        for name in self._order.names:
            item = QListWidgetItem(self._text(name))
            item.setToolTip(item.text())
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.addItem(item)
        self.blockSignals(False)
        self.updateGeometry()
        self.select(selected)

    def _update_item(self, scan: str) -> None:
        names = self._order.names
        if scan in names:
            item = self.item(names.index(scan))
            item.setText(self._text(scan))
            item.setToolTip(item.text())

    def _text(self, scan: str) -> str:
        label = self._order.label(scan)
        if scan in self.tables:
            return f"{label}   ({tagged_text(self.tables[scan])})"
        return f"{label}   (cannot be read)" if scan in self._unreadable else label

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.scan_chosen.emit(item.data(Qt.ItemDataRole.UserRole))

    def _start(self) -> None:
        assert self._study is not None
        events = partial(_read_in_turn, self._study, self._names)
        self._counting.start(Job("count of tags", events))

    def _take_count(self, read: list[Read]) -> None:
        if self._outdated:
            return
        for _, scan, table in read:
            if scan in self.tables:
                continue
            if table is None:
                self._unreadable.add(scan)  # Choosing the scan shows why.
                self._update_item(scan)
            else:
                self._take(scan, table)

    def _counted(self, _: JobOutcome) -> None:
        if not self._outdated:
            self.tables_changed.emit()
            return
        self._outdated = False
        if self._begun and self._study is not None:
            self._start()

    def _take_reread(self, read: list[Read]) -> None:
        for study, scan, table in read:
            if study is self._study and scan in self._stale and table is not None:
                self._take(scan, table)
        self._stale.clear()
        self.tables_changed.emit()


def tagged_text(table: TagTable) -> str:
    """Return how many slices are tagged, and how many of them lack tags of some classes.

    Examples
    --------
    >>> tagged_text(TagTable.empty(25, ["TC"]))
    '0 of 25 slices tagged'
    """
    if len(table.values) == 1:
        known = table.values != Tag.UNKNOWN
        return "tagged" if known.all() else "tagged in part" if known.any() else "not tagged"
    part = int((table.tagged & (table.values == Tag.UNKNOWN).any(1)).sum())
    text = f"{int(table.tagged.sum())} of {len(table.values)} slices tagged"
    return f"{text}, {part} in part" if part else text


def _read_in_turn(study: Study, names: tuple[str, ...]) -> Generator[list[Read], None, None]:
    found: list[Read] = []
    shown = time.monotonic()
    for name in names:
        found.append(_read(study, name))
        if time.monotonic() - shown > UPDATE:
            yield found
            found, shown = [], time.monotonic()
    yield found


def _read_all(study: Study, names: tuple[str, ...]) -> list[Read]:
    return [_read(study, name) for name in names]


def _read(study: Study, name: str) -> Read:
    try:
        return study, name, study.tags.read(name)
    except McwssError:
        return study, name, None
