"""The scans of a study as a table that is filled while it is looked at."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtGui import QImage, QPixmap

from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.worklist.reading import Thumbnail

if TYPE_CHECKING:
    from napari_mcwss.measurement.scan_facts import ScanFacts

SCAN, TAGGED, SEGMENTED, CORRECTED, DISAGREEMENT, FIRST_CLASS = range(6)
HEADINGS = ("Scan", "Tagged", "Segmented", "Corrected", "Disagreement")
TIPS = (
    "Double-click a scan to show it",
    "Slices with a tag, of all slices",
    "Whether the model above has segmented it",
    "Whether its mask was corrected by hand, and confirmed",
    "Slices whose tags the scores of the model contradict",
)

NAME = Qt.ItemDataRole.UserRole
VALUE = Qt.ItemDataRole.UserRole + 1
_NONE = QModelIndex()

FILTERS = (
    "all scans",
    "not tagged in full",
    "not segmented",
    "not corrected",
    "tags and model disagree",
)


class WorkTable(QAbstractTableModel):  # type: ignore[misc]
    """A row for each scan; what is not read yet is blank.

    `NAME` is the role of a scan's name, `VALUE` that by which rows are sorted.
    """

    def __init__(self, order: ScanOrder, parent: Any) -> None:
        super().__init__(parent)
        self._order = order
        self._scans: tuple[str, ...] = ()
        self._rows: dict[str, int] = {}
        self._classes: tuple[str, ...] = ()
        self.facts: dict[str, ScanFacts] = {}
        self._pictures: dict[str, QPixmap] = {}
        self.with_pictures = False

    def show_scans(self, scans: Sequence[str], classes: Sequence[str]) -> None:
        """List other scans, of which nothing is known yet."""
        self.beginResetModel()
        self._scans, self._classes = tuple(scans), tuple(classes)
        self._rows = {scan: row for row, scan in enumerate(scans)}
        self.facts.clear()
        self._pictures.clear()
        self.endResetModel()

    def forget_facts(self) -> None:
        """Blank what depends on a model or has changed, but keep pictures."""
        self.facts.clear()
        self._changed(0, len(self._scans) - 1)

    def take(self, found: "Sequence[ScanFacts | Thumbnail]") -> None:
        """Show what has been read."""
        rows = []
        for read in found:
            if read.scan not in self._rows:
                continue
            rows.append(self._rows[read.scan])
            if not isinstance(read, Thumbnail):
                self.facts[read.scan] = read
            elif read.pixels is not None:
                height, width = read.pixels.shape
                image = QImage(
                    read.pixels.tobytes(), width, height, width, QImage.Format.Format_Grayscale8
                )
                self._pictures[read.scan] = QPixmap.fromImage(image.copy())
        for row in dict.fromkeys(rows):
            # A range would have all rows in between sorted anew.
            self._changed(row, row)

    def refresh(self) -> None:
        """Show names anew, as they are hidden now, and pictures or not."""
        self._changed(0, len(self._scans) - 1)

    def rowCount(self, parent: QModelIndex = _NONE) -> int:  # noqa: N802 - Qt's name
        """Return the number of scans."""
        return 0 if parent.isValid() else len(self._scans)

    def columnCount(self, parent: QModelIndex = _NONE) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent.isValid() else FIRST_CLASS + len(self._classes)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the heading of a column, and what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            if section < FIRST_CLASS:
                return HEADINGS[section]
            single = any(facts.slices == 1 for facts in self.facts.values())
            return f"{self._classes[section - FIRST_CLASS]} {'pixels' if single else 'mL'}"
        if role == Qt.ItemDataRole.ToolTipRole:
            volume = "Of the corrected mask if there is one, else of the model's"
            return TIPS[section] if section < FIRST_CLASS else volume
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        scan, column = self._scans[index.row()], index.column()
        if role == NAME:
            return scan
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(scan, column)
        if role == VALUE:
            return self._value(scan, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column not in (SCAN, CORRECTED, SEGMENTED):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and column == SCAN and self.with_pictures:
            return self._pictures.get(scan)
        facts = self.facts.get(scan)
        if role == Qt.ItemDataRole.ToolTipRole and facts is not None:
            return self._order.hide(facts.problem) or None
        return None

    def _text(self, scan: str, column: int) -> str:
        if column == SCAN:
            return self._order.label(scan)
        facts = self.facts.get(scan)
        if facts is None:
            return ""
        if column == TAGGED:
            return "cannot be read" if not facts.slices else f"{facts.tagged} of {facts.slices}"
        if column == SEGMENTED:
            return "yes" if facts.segmented else "no"
        if column == CORRECTED:
            return ("right" if facts.right else "yes") if facts.corrected else "no"
        value = self._value(scan, column)
        if value is None:
            return ""
        return str(value) if column == DISAGREEMENT or facts.slices == 1 else f"{value:.1f}"

    def _value(self, scan: str, column: int) -> Any:
        if column == SCAN:
            return self._rows[scan]
        facts = self.facts.get(scan)
        if facts is None:
            return None
        if column == TAGGED:
            return facts.tagged / facts.slices if facts.slices else None
        if column == SEGMENTED:
            return int(facts.segmented)
        if column == CORRECTED:
            return facts.corrected + facts.right
        if column == DISAGREEMENT:
            return facts.disagreement
        if facts.volumes is None:
            return None
        volume = facts.volumes[column - FIRST_CLASS]
        return int(volume) if facts.slices == 1 else volume

    def _changed(self, first: int, last: int) -> None:
        if last >= first:
            columns = self.columnCount() - 1
            self.dataChanged.emit(self.index(first, 0), self.index(last, columns))


class WorkOrder(QSortFilterProxyModel):  # type: ignore[misc]
    """Sorts and filters a `WorkTable`; what is not known comes last in either direction."""

    def __init__(self, table: WorkTable, parent: Any) -> None:
        super().__init__(parent)
        self._table = table
        self._text, self._filter = "", 0
        self.setSourceModel(table)
        self.setSortRole(VALUE)

    def show_only(self, text: str, number: int) -> None:
        """Show only the scans with a text in their name for which one of `FILTERS` holds."""
        self._text, self._filter = text.strip().casefold(), number
        self.invalidateFilter()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:  # noqa: N802 - Qt's name
        """Tell whether a scan is shown; one of which nothing is known yet is not left to do."""
        index = self._table.index(row, SCAN, parent)
        if self._text not in self._table.data(index).casefold():
            return False
        facts = self._table.facts.get(self._table.data(index, NAME))
        if self._filter == 0:
            return True
        if facts is None:
            return False
        return (
            facts.tagged < facts.slices,
            not facts.segmented,
            not facts.corrected,
            bool(facts.disagreement),
        )[self._filter - 1]

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:  # noqa: N802 - Qt's name
        """Compare two cells."""
        first, second = left.data(VALUE), right.data(VALUE)
        if first is None or second is None:
            ascending = self.sortOrder() == Qt.SortOrder.AscendingOrder
            return bool((second is None and first is not None) == ascending and first != second)
        return bool(first < second)
