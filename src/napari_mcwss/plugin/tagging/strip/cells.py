"""Layout and pixels of the cells of the tag strip, computed on whole arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_mcwss.tags.table import Tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST, WIDEST = 3, 40
"""Least width of a column in a strip that is scrolled, and greatest width of any, in units."""

ROOMY = 5
"""Least width of a column, in units, that leaves a gap to the next one."""

LEVELS = 20
"""Number of steps between the lowest and the highest bar of a suggestion."""

_TAGS = 3
_GAP, _BODY, _CENTRE = range(3)
_HATCH = 4


@dataclass(frozen=True)
class Columns:
    """Layout of the columns, one for each slice, in device pixels.

    Attributes
    ----------
    count : int
        Number of slices.
    room : int
        Visible width.
    unit : int
        Width of the thinnest line.
    zoom : float
        Width of a column relative to the least one, 1 or more.
    offset : int
        Pixels scrolled out of sight at the left.
    """

    count: int
    room: int
    unit: int = 1
    zoom: float = 1
    offset: int = 0

    @property
    def fit(self) -> float:
        """Width of a column without zoom: all are visible, if each has a pixel of the widget."""
        width = self.room / max(self.count, 1) / self.unit
        return self.unit * (LEAST if width < 1 else min(width, WIDEST))

    @property
    def step(self) -> float:
        """Width of a column."""
        return self.fit * self.zoom

    @cached_property
    def edges(self) -> NDArray[np.intp]:
        """Left ends of all columns, and the right end of the last; widths differ by at most 1."""
        edges: NDArray[np.intp] = np.ceil(np.arange(self.count + 1) * self.step).astype(np.intp)
        return edges

    @property
    def length(self) -> int:
        """Width of all columns together."""
        return int(self.edges[-1])

    def index_at(self, x: float) -> int:
        """Return the slice at a position; beside the columns, the nearest visible one."""
        inside = min(max(x, 0), self.room - 1) + self.offset
        index = int(np.searchsorted(self.edges, inside, "right")) - 1
        return min(index, self.count - 1)

    def span(self, index: int) -> tuple[int, int]:
        """Return both ends of a column, which may be out of sight."""
        return int(self.edges[index]) - self.offset, int(self.edges[index + 1]) - self.offset

    def scrolled(self, offset: float) -> Columns:
        """Return the columns scrolled to an offset, within their ends."""
        return replace(self, offset=int(min(max(offset, 0), max(self.length - self.room, 0))))

    def showing(self, index: int, margin: int = 0) -> Columns:
        """Return the columns scrolled to a column and its neighbours; centre it if it was far."""
        left = int(self.edges[max(index - margin, 0)])
        right = int(self.edges[min(index + 1 + margin, self.count)])
        near = self.scrolled(min(max(self.offset, right - self.room), left))
        if abs(near.offset - self.offset) <= self.room / 4:
            return near
        return self.scrolled((left + right - self.room) / 2)

    def zoomed(self, factor: float, x: float) -> Columns:
        """Return wider or narrower columns, with the same slice at a position."""
        most = WIDEST * self.unit / self.fit
        zoom = min(max(self.zoom * factor, 1), most)
        offset = (x + self.offset) * zoom / self.zoom - x
        return replace(self, zoom=zoom).scrolled(offset)

    def kinds(self, places: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the slice at each position, and the kind of pixel of a mark that lies there."""
        index = np.searchsorted(self.edges, places, "right") - 1
        width = self.edges[index + 1] - self.edges[index]
        width -= np.where(width >= ROOMY * self.unit, self.unit, 0)
        inside = places - self.edges[index]
        part = np.where(np.abs(2 * inside + 1 - width) <= self.unit, _CENTRE, _BODY)
        part[inside >= width] = _GAP
        return index, part * _HATCH + places // self.unit % _HATCH


def cell_codes(
    tags: NDArray[np.int8],
    disagreements: NDArray[np.bool_] | None = None,
    suggestions: NDArray[np.floating] | None = None,
) -> NDArray[np.uint8]:
    """Return the code of the mark in each cell.

    Parameters
    ----------
    tags : (slices, classes) array of int8
        Values of `Tag`.
    disagreements : (slices, classes) array of bool, optional
        Where a second reader disagrees.
    suggestions : (slices, classes) array of float, optional
        Probability that the class is present, NaN where nothing is suggested; used only where the
        tag is unknown.

    Returns
    -------
    (slices, classes) array of uint8
        Indices of the first axis of `marks`.
    """
    codes = (tags - Tag.UNKNOWN).astype(np.uint8)
    if disagreements is not None:
        codes[disagreements] += _TAGS
    if suggestions is not None:
        shown = (tags == Tag.UNKNOWN) & ~np.isnan(suggestions)
        codes[shown] = 2 * _TAGS + np.rint(suggestions[shown].clip(0, 1) * LEVELS).astype(np.uint8)
    return codes


class Shades(NamedTuple):
    """Colours ``0xffrrggbb`` of lines, dots, both backgrounds, and the lines between rows."""

    ink: int
    faint: int
    flagged: int
    ground: int
    parting: int


def marks(colours: Sequence[int], shades: Shades, height: int, unit: int) -> NDArray[np.uint32]:
    """Draw the columns of pixels that make up the marks in the cells.

    Present is a tall block in the colour of the class, absent a low line, unknown a dot. A flag
    above marks a disagreement. A suggestion is a hatched bar, as high as it is probable. Marks
    differ in shape, not only in colour, and have lines in the colour of the theme's text.

    Parameters
    ----------
    colours : sequence of int
        Colours of the classes, ``0xffrrggbb``.
    shades : Shades
        The other colours.
    height : int
        Height of a row in device pixels.
    unit : int
        Device pixels of the thinnest line.

    Returns
    -------
    (codes, classes, kinds, height) array of uint32
        Pixels for each code of `cell_codes` and each kind of `Columns.kinds`.
    """
    shape = (2 * _TAGS + LEVELS + 1, len(colours), 3, _HATCH, height)
    table = np.full(shape, shades.ground, np.uint32)
    paint = np.array(colours, np.uint32)[:, None, None, None]
    top, bottom = 5 * unit, height - 3 * unit
    middle = (top + bottom) // 2
    table[_TAGS : 2 * _TAGS] = shades.flagged
    for code in (0, _TAGS):
        unknown, absent, present = table[code : code + _TAGS]
        unknown[:, _CENTRE, :, middle - unit : middle + unit] = shades.faint
        absent[..., bottom - 2 * unit : bottom] = shades.ink
        present[:, _BODY:, :, top:bottom] = paint
        present[:, _BODY:, :, [*range(top, top + unit), *range(bottom - unit, bottom)]] = shades.ink
    table[_TAGS : 2 * _TAGS, :, _BODY:, :, unit : 4 * unit] = shades.ink
    stripes = (np.arange(_HATCH)[:, None] + np.arange(height) // unit) % _HATCH < _HATCH // 2
    hatched = np.where(stripes, paint, shades.ground)
    lowest = bottom - 2 * unit
    for level, suggested in enumerate(table[2 * _TAGS :]):
        upper = lowest - round(level / LEVELS * (lowest - top))
        suggested[:, _BODY:, :, upper:bottom] = hatched[..., upper:bottom]
        # Above the bar, and whole in the centre: where columns are narrow, there is nothing else.
        suggested[:, _BODY, : _HATCH // 2, upper - unit : upper] = shades.ink
        suggested[:, _CENTRE, :, upper - unit : upper] = shades.ink
    table[..., height - unit :] = shades.parting
    return table.reshape(*shape[:2], -1, height)


def draw_cells(
    pixels: NDArray[np.uint32],
    codes: NDArray[np.uint8],
    marks: NDArray[np.uint32],
    columns: Columns,
    first: int,
    last: int,
) -> None:
    """Draw the visible cells of some slices.

    Parameters
    ----------
    pixels : (classes * height, room) array of uint32
        The picture, changed in place.
    codes : (slices, classes) array of uint8
        The result of `cell_codes`.
    marks : (codes, classes, kinds, height) array of uint32
        The result of `marks`.
    columns : Columns
        Layout of the slices.
    first, last : int
        Range of slices, both ends included.
    """
    begin = max(columns.span(first)[0], 0)
    end = min(columns.span(last)[1], columns.room)
    if begin >= end:
        return
    index, kind = columns.kinds(np.arange(begin, end) + columns.offset)
    cells = marks[codes[index], np.arange(codes.shape[1]), kind[:, None]]
    pixels[:, begin:end] = cells.reshape(end - begin, -1).T
