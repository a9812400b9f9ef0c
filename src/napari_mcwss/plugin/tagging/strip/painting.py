"""The picture of the tag strip, and its layout."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QImage, QPainter

from napari_mcwss.plugin.tagging.strip.cells import Columns, Shades, draw_cells, marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_mcwss.study.description import ClassSpec

AHEAD = 2
"""Number of slices kept visible on either side of the current one."""

NAMES = 0.4
"""Largest part of the width for the names of classes."""

PAD = 4
SWATCH = 10
BAR = 4
LINES = 2
"""Pixels of the lines beside the current slice."""


class StripPicture:
    """Lays out and paints a strip, in pixels of the widget; only `columns` has device pixels.

    Attributes
    ----------
    classes : tuple of ClassSpec
        The rows.
    selected : int or None
        The selected row.
    current : int or None
        The slice on screen.
    dragged : (int, int, int) or None
        Row, first and last slice of a range that is being dragged.
    """

    def __init__(self, theme: str) -> None:
        self.classes: tuple[ClassSpec, ...] = ()
        self.selected: int | None = None
        self.current: int | None = None
        self.dragged: tuple[int, int, int] | None = None
        self.columns = Columns(0, 1)
        self.scale = 1.0
        self._names, self._left, self._axis, self._row = 0, 0, 0, 1
        self._size = QSize()
        self._labels: list[str] = []
        self._codes: NDArray[np.uint8] | None = None
        self._marks: NDArray[np.uint32] | None = None
        self._pixels: NDArray[np.uint32] | None = None
        self.set_theme(theme)

    @property
    def height(self) -> int:
        """Height of the strip."""
        return self._axis + len(self.classes) * self._row + BAR

    @property
    def marked(self) -> int | None:
        """The current slice, if the scan has it."""
        index = self.current
        return index if index is not None and 0 <= index < self.columns.count else None

    def set_theme(self, theme: str) -> None:
        """Use the colours of a napari theme."""
        colours = get_theme(theme)
        self._ink = QColor(colours.text.as_hex())
        self._ground = QColor(colours.foreground.as_hex())
        self._faint = _mixed(self._ink, self._ground, 0.5)
        self._flagged = _mixed(self._ink, self._ground, 0.25)
        self._behind = QColor(colours.background.as_hex())
        self._chosen = QColor(colours.current.as_hex())
        self._marks = self._pixels = None

    def lay_out(self, size: QSize, metrics: QFontMetrics, scale: float) -> None:
        """Lay out names, axis and cells; `scale` is device pixels per pixel of the widget."""
        self._size, self.scale = size, scale
        self._axis = metrics.height() + 2 * PAD
        self._row = metrics.height() + PAD
        before = 3 * PAD + SWATCH
        texts = [
            f"{key} {spec.name}" if key < 10 else spec.name
            for key, spec in enumerate(self.classes, 1)
        ]
        wanted = max((metrics.horizontalAdvance(text) for text in texts), default=0)
        # Widths are rounded, so that a text does not always fit into its own.
        width = min(wanted + 1, round(NAMES * size.width()) - before - PAD)
        elide = Qt.TextElideMode.ElideRight
        self._labels = [metrics.elidedText(text, elide, width) for text in texts]
        self._names = before + width + PAD
        self._left = self._names + LINES
        room = max(1, int((size.width() - LINES - self._left) * scale))
        self._place(replace(self.columns, room=room, unit=max(1, round(scale))))
        self._marks = self._pixels = None

    def show_cells(self, codes: NDArray[np.uint8] | None) -> QRect:
        """Draw cells whose codes (see `cell_codes`) changed; return the area to repaint."""
        before, self._codes = self._codes, codes
        count = 0 if codes is None else len(codes)
        if count != self.columns.count:
            self._place(Columns(count, self.columns.room, self.columns.unit))
        elif before is not None and codes is not None and before.shape == codes.shape:
            changed = np.flatnonzero((before != codes).any(axis=1))
            if changed.size and self._pixels is not None and self._marks is not None:
                ends = int(changed[0]), int(changed[-1])
                draw_cells(self._pixels, codes, self._marks, self.columns, *ends)
                return self.cells(*ends)
            if not changed.size:
                return QRect()
        self._pixels = None
        return QRect(0, 0, self._size.width(), self._size.height())

    def zoom(self, factor: float, x: float) -> None:
        """Make columns wider or narrower around a position."""
        self._place(self.columns.zoomed(factor, (x - self._left) * self.scale))

    def scroll_by(self, slices: int) -> None:
        """Scroll to later slices, or to earlier ones if negative."""
        columns = self.columns
        self._move(columns.scrolled(columns.offset + slices * columns.step))

    def show_current(self, margin: int = AHEAD) -> None:
        """Scroll to the current slice."""
        if self.marked is not None:
            self._move(self.columns.showing(self.marked, margin))

    def index_at(self, x: float) -> int:
        """Return the slice at a position; beside the columns, the nearest visible one."""
        return self.columns.index_at((x - self._left) * self.scale)

    def row_at(self, y: float) -> int | None:
        """Return the row at a height; None on the axis and below the rows."""
        row = int((y - self._axis) // self._row)
        return row if 0 <= row < len(self.classes) else None

    def beyond(self, x: float) -> int:
        """Return the side of the cells that a position is on: -1 left, 1 right, 0 inside."""
        return int(x >= self._size.width()) - int(x < self._left)

    def in_names(self, x: float) -> bool:
        """Return whether a position is among the names of classes."""
        return x < self._names

    def cells(self, first: int, last: int, row: int | None = None) -> QRect:
        """Return the area of slices in one row, or in all, with the lines beside them."""
        left = self._left + round(self.columns.span(first)[0] / self.scale)
        right = self._left + round(self.columns.span(last)[1] / self.scale)
        if row is not None:
            return QRect(left, self._axis + row * self._row, right - left, self._row)
        return QRect(left - LINES, 0, right - left + 2 * LINES, self._size.height())

    def name(self, row: int) -> QRect:
        """Return the area of the name of a class."""
        return QRect(0, self._axis + row * self._row, self._names, self._row)

    def paint(self, painter: QPainter, area: QRect) -> None:
        """Paint an area."""
        painter.fillRect(area, self._behind)
        if area.left() < self._names:
            self._paint_names(painter)
        painter.setClipRect(area & QRect(self._names, 0, self._size.width(), self._size.height()))
        self._paint_cells(painter)
        if self._codes is not None and self.columns.count:
            self._paint_axis(painter, area)
            self._paint_scroll(painter)
            self._paint_current(painter)
            self._paint_dragged(painter)

    def _move(self, columns: Columns) -> None:
        if columns != self.columns:
            self.columns = columns
            self._pixels = None

    def _place(self, columns: Columns) -> None:
        self.columns = columns.scrolled(columns.offset)
        self._pixels = None
        self.show_current()

    def _paint_names(self, painter: QPainter) -> None:
        for row, (spec, label) in enumerate(zip(self.classes, self._labels, strict=True)):
            place = self.name(row)
            if row == self.selected:
                painter.fillRect(place, self._chosen)
                painter.fillRect(QRect(0, place.top(), 3, place.height()), self._ink)
            top = place.center().y() - SWATCH // 2 + 1
            painter.fillRect(QRect(2 * PAD - 1, top - 1, SWATCH + 2, SWATCH + 2), self._ink)
            painter.fillRect(QRect(2 * PAD, top, SWATCH, SWATCH), QColor(spec.colour))
            painter.setPen(self._ink)
            text = place.adjusted(3 * PAD + SWATCH, 0, 0, 0)
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, label)

    def _paint_cells(self, painter: QPainter) -> None:
        if not self.classes:
            return
        if self._marks is None:
            colours = [QColor(spec.colour).rgb() for spec in self.classes]
            shades = (self._ink, self._faint, self._flagged, self._ground, self._behind)
            self._marks = marks(
                colours,
                Shades(*(shade.rgb() for shade in shades)),
                round(self._row * self.scale),
                self.columns.unit,
            )
        if self._pixels is None:
            shape = self._marks.shape[1] * self._marks.shape[3], self.columns.room
            self._pixels = np.full(shape, self._ground.rgb(), np.uint32)
            if self._codes is not None and self.columns.count:
                last = self.columns.count - 1
                draw_cells(self._pixels, self._codes, self._marks, self.columns, 0, last)
        height, width = self._pixels.shape
        stride = self._pixels.strides[0]
        # A new image each time: it shares the array, and Qt would take an old one for unchanged.
        image = QImage(self._pixels.data, width, height, stride, QImage.Format.Format_RGB32)
        cells = len(self.classes) * self._row
        painter.drawImage(QRect(self._left, self._axis, round(width / self.scale), cells), image)

    def _paint_axis(self, painter: QPainter, area: QRect) -> None:
        metrics = painter.fontMetrics()
        shown = QRect() if self.marked is None else self._number(metrics, self.marked)
        painter.setPen(self._ink)
        for index in self._ticks(metrics):
            number = self._number(metrics, index)
            if number.intersects(area) and not number.adjusted(-PAD, 0, PAD, 0).intersects(shown):
                painter.drawText(number, Qt.AlignmentFlag.AlignCenter, str(index))
                painter.fillRect(QRect(self._middle(index), self._axis - 3, 1, 2), self._ink)
        if self.marked is not None:
            painter.fillRect(shown, self._ink)
            painter.setPen(self._behind)
            painter.drawText(shown, Qt.AlignmentFlag.AlignCenter, str(self.marked))

    def _ticks(self, metrics: QFontMetrics) -> Iterator[int]:
        """Return round numbers of visible slices that fit side by side."""
        widest = metrics.horizontalAdvance(str(self.columns.count)) + 3 * PAD
        least = widest * self.scale / self.columns.step
        every = next(
            base * 10**power for power in range(9) for base in (1, 2, 5) if base * 10**power > least
        )
        first, last = (self.columns.index_at(x) for x in (0, self.columns.room))
        return iter(range(-(-first // every) * every, last + 1, every))

    def _number(self, metrics: QFontMetrics, index: int) -> QRect:
        """Return the area of the number of a slice, above its column and inside the widget."""
        width = metrics.horizontalAdvance(str(index)) + PAD
        left = self._middle(index) - width // 2
        left = max(self._names, min(left, self._size.width() - width))
        return QRect(left, 1, width, metrics.height())

    def _middle(self, index: int) -> int:
        left, right = self.columns.span(index)
        return self._left + int((left + right - 1) / 2 / self.scale)

    def _paint_scroll(self, painter: QPainter) -> None:
        columns = self.columns
        if columns.length <= columns.room:
            return
        width, top = round(columns.room / self.scale), self.height - BAR + 1
        painter.fillRect(QRect(self._left, top, width, BAR - 1), self._ground)
        left, part = (round(x / columns.length * width) for x in (columns.offset, columns.room))
        painter.fillRect(QRect(self._left + left, top, part, BAR - 1), self._faint)

    def _paint_current(self, painter: QPainter) -> None:
        if self.marked is None:
            return
        column = self.cells(self.marked, self.marked, 0)
        top, height = self._axis - 4, self.height - BAR - self._axis + 4
        # A dark and a light line side by side: one of them is visible on any colour.
        for left, colour in (
            (column.left() - 2, self._behind),
            (column.left() - 1, self._ink),
            (column.right() + 1, self._ink),
            (column.right() + 2, self._behind),
        ):
            painter.fillRect(QRect(left, top, 1, height), colour)

    def _paint_dragged(self, painter: QPainter) -> None:
        if self.dragged is None:
            return
        row, first, last = self.dragged
        place = self.cells(first, last, row)
        shade = QColor(self._chosen)
        shade.setAlpha(150)
        painter.fillRect(place, shade)
        painter.setPen(self._ink)
        painter.drawRect(place.adjusted(0, 0, -1, -1))


def _mixed(one: QColor, other: QColor, part: float) -> QColor:
    pairs = zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)
    return QColor(*(round(part * a + (1 - part) * b) for a, b in pairs))
