"""The table that shows which file is which channel of which scan."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
)

from napari_mcwss.base.text import differing

_SHORT = Qt.ItemDataRole.UserRole


class ScanTable(QTableWidget):  # type: ignore[misc]
    """One row for each scan: its name, and its files.

    Where a name does not fit its column, it is shown without what it has in common with others.
    """

    def __init__(self) -> None:
        super().__init__(editTriggers=QTableWidget.EditTrigger.NoEditTriggers)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setItemDelegate(_ShortIfNeeded(self))

    def show_scans(self, scans: Mapping[str, Sequence[Path]], channels: Sequence[str]) -> None:
        """Replace the rows."""
        whole = any(len(files) != len(channels) for files in scans.values())
        headings = ["scan", "all channels"] if whole else ["scan", *channels]
        self.setColumnCount(len(headings))
        self.setHorizontalHeaderLabels(headings)
        self.setRowCount(len(scans))
        for row, cells in enumerate(_rows(scans)):
            for column, (name, short, tip) in enumerate(cells):
                item = QTableWidgetItem(name)
                item.setData(_SHORT, short)
                item.setToolTip(tip)
                self.setItem(row, column, item)


class _ShortIfNeeded(QStyledItemDelegate):  # type: ignore[misc]
    """Shows the short form of a text that does not fit."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: N802
        super().initStyleOption(option, index)
        style = option.widget.style()
        margin = style.pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, option, option.widget)
        # Styles leave one pixel more than their margin.
        room = option.rect.width() - 2 * (margin + 1)
        if option.fontMetrics.horizontalAdvance(option.text) > room:
            option.text = index.data(_SHORT)


def _rows(scans: Mapping[str, Sequence[Path]]) -> Iterator[list[tuple[str, str, str]]]:
    """Return the name in each cell, its short form, and what it stands for.

    The short form has what tells a scan from other scans, and a file from the other files of its
    scan.
    """
    singles = iter(differing([files[0].name for files in scans.values() if len(files) == 1]))
    for short, (scan, files) in zip(differing(list(scans)), scans.items(), strict=True):
        names = [file.name for file in files]
        shorts = [next(singles)] if len(files) == 1 else differing(names)
        yield [(scan, short, scan), *zip(names, shorts, map(str, files), strict=True)]
