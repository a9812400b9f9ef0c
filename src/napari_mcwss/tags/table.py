"""The tags of one scan: a row for each slice, a column for each class."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.base.text import counted, names_text, shortened
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.csv_text import table_text, whole_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class Tag(IntEnum):
    """Whether a class is on a slice, as far as a reader has said."""

    UNKNOWN = -1
    ABSENT = 0
    PRESENT = 1

    @property
    def next(self) -> Tag:
        """The tag after the next key stroke: unknown, present, absent, unknown ..."""
        return {Tag.UNKNOWN: Tag.PRESENT, Tag.PRESENT: Tag.ABSENT}.get(self, Tag.UNKNOWN)


_CELLS = {"": Tag.UNKNOWN, "0": Tag.ABSENT, "1": Tag.PRESENT}
_WORDS = {int(tag): cell for cell, tag in _CELLS.items()}


@dataclass(eq=False)
class TagTable:
    """The tags of one scan.

    Parameters
    ----------
    classes : tuple of str
        Names of the columns.
    values : (slices, classes) array of int8
        Values of `Tag`.

    Examples
    --------
    >>> table = TagTable.empty(30, ["core", "oedema"])
    >>> table.set(12, "core", Tag.PRESENT)
    >>> table.get(12, "core").name
    'PRESENT'
    >>> int(table.tagged.sum())
    1
    """

    classes: tuple[str, ...]
    values: NDArray[np.int8]

    @classmethod
    def empty(cls, slices: int, classes: Sequence[str]) -> TagTable:
        """Make a table in which all is unknown: a row for each slice, a column for each class."""
        return cls(tuple(classes), np.full((slices, len(classes)), Tag.UNKNOWN, np.int8))

    def copy(self) -> TagTable:
        """Return an independent copy."""
        return TagTable(self.classes, self.values.copy())

    def get(self, slice_index: int, class_name: str) -> Tag:
        """Return the tag of a class on a slice, counted from 0.

        Raises
        ------
        McwssError
            If there is no such slice or class.
        """
        return Tag(int(self.values[self._place(slice_index, class_name)]))

    def set(self, slice_index: int, class_name: str, tag: Tag) -> None:
        """Set the tag of a class on a slice, counted from 0.

        Raises
        ------
        McwssError
            If there is no such slice or class.
        """
        self.values[self._place(slice_index, class_name)] = tag

    def update(self, other: TagTable) -> None:
        """Set all tags that are known in another table; the others stay.

        Raises
        ------
        McwssError
            If it has another number of slices, or a class that is not in this table.
        """
        if len(other.values) != len(self.values):
            raise McwssError(
                f"tags of {len(other.values)} slices: expected {len(self.values)}, those of the "
                "scan: choose the tags or the mask of this scan"
            )
        columns = [self._column(name) for name in other.classes]
        known = other.values != Tag.UNKNOWN
        self.values[:, columns] = np.where(known, other.values, self.values[:, columns])

    def first(self, count: int) -> TagTable:
        """Return a copy of the first classes alone."""
        return TagTable(self.classes[:count], self.values[:, :count].copy())

    @property
    def tagged(self) -> NDArray[np.bool_]:
        """Which slices have a known tag: bool ``(slices,)``."""
        known: NDArray[np.bool_] = (self.values != Tag.UNKNOWN).any(axis=1)
        return known

    def count(self, class_name: str) -> dict[int, int]:
        """Count the slices of one class that have each tag.

        Raises
        ------
        McwssError
            If there is no such class.
        """
        column = self.values[:, self._column(class_name)]
        return {tag: int((column == tag).sum()) for tag in Tag}

    def write_csv(self, path: Path) -> None:
        """Write the table into a csv file, atomically.

        The first column, ``slice``, counts from 0 as napari does; then comes a column
        for each class with 1 (present), 0 (absent) or nothing (unknown).

        Raises
        ------
        McwssError
            If the file cannot be written; an older one is untouched then.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["slice", *self.classes])
        for index, row in enumerate(self.values.tolist()):
            writer.writerow([index, *(_WORDS[value] for value in row)])
        with replacing(path) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8", newline="")

    @classmethod
    def read_csv(cls, path: Path, slices: int, classes: Sequence[str]) -> TagTable:
        """Read a table that `write_csv` or a spreadsheet program has written.

        Parameters
        ----------
        path : Path
        slices : int
            Number of slices of the scan.
        classes : sequence of str
            Columns of the table; a class without a column in the file is unknown.

        Raises
        ------
        McwssError
            If a column is no class or there twice, a slice is missing, there
            twice or beyond the scan, or a cell is no tag.
        """
        try:
            content = file_bytes(path)
        except OSError as error:
            raise McwssError(f"'{path}' cannot be read as a table ({error}): {_MEND}") from error
        return cls.from_csv(content, path, slices, ClassNames(tuple(classes)))

    @classmethod
    def from_csv(cls, content: bytes, path: Path, slices: int, classes: ClassNames) -> TagTable:
        """Read a table of all stored classes from the content of a csv file, as `read_csv` does.

        Its columns may have former names of the classes.
        """
        try:
            text, delimiter = table_text(content)
            read = csv.reader(text.splitlines(), delimiter=delimiter, strict=True)
            rows = [row for row in read if any(row)]
        except (UnicodeError, csv.Error) as error:
            raise McwssError(f"'{path}' cannot be read as a table ({error}): {_MEND}") from error
        if not rows:
            raise McwssError(f"'{path}' is empty: expected a table of tags: {_MEND}")
        header = _filled(rows.pop(0))
        names = classes.all_current(header[1:])
        known = len({*names}) == len(names) and {*names} <= {*classes.stored}
        if header[:1] != ["slice"] or not known:
            raise McwssError(
                f"'{path}' has the columns {names_text([*map(shortened, header)])}: expected "
                f"slice, {', '.join(classes.stored)}, each once: {_MEND}"
            )
        if len(rows) != slices:
            raise McwssError(
                f"'{path}' has {counted(len(rows), 'slice')}, its scan {slices}: expected a row "
                f"for each: {_MEND}"
            )
        table = cls.empty(slices, classes.stored)
        columns = [table.classes.index(name) for name in names]
        found: list[list[Tag]] = [[]] * slices
        missing = set(range(slices))
        # Few cells differ, and studies have hundreds of thousands.
        plain = {cell: whole_text(cell) for cell in set(chain.from_iterable(rows))}
        for row in rows:
            slice_text, *cells = [plain[cell] for cell in row]
            if len(cells) != len(names):
                # Spreadsheets leave out empty cells at the end of a row, or add some.
                cells = _filled(cells)
                cells += [""] * (len(names) - len(cells))
            # Python refuses to convert thousands of digits.
            index = int(slice_text) if slice_text.isdecimal() and len(slice_text) < 10 else -1
            if index not in missing:
                raise McwssError(
                    f"'{path}' names slice {shortened(slice_text)!r}: expected 0 to {slices - 1}, "
                    f"each once: {_MEND}"
                )
            missing.remove(index)
            if len(cells) != len(names) or not set(cells) <= _CELLS.keys():
                raise McwssError(
                    f"'{path}' has {shortened(','.join(cells))!r} in slice {slice_text}: expected "
                    f"for each class 1 (present), 0 (absent) or nothing (unknown): {_MEND}"
                )
            found[index] = [_CELLS[cell] for cell in cells]
        table.values[:, columns] = found
        return table

    def _place(self, slice_index: int, class_name: str) -> tuple[int, int]:
        if not 0 <= slice_index < len(self.values):
            raise McwssError(
                f"slice {slice_index} does not exist: the scan has {len(self.values)}, "
                f"0 to {len(self.values) - 1}"
            )
        return slice_index, self._column(class_name)

    def _column(self, class_name: str) -> int:
        if class_name not in self.classes:
            raise McwssError(
                f"class {class_name!r} does not exist: expected {', '.join(self.classes)}"
            )
        return self.classes.index(class_name)


def _filled(cells: list[str]) -> list[str]:
    """Return cells without the empty ones at their end."""
    return cells[: max((place for place, cell in enumerate(cells, 1) if cell), default=0)]


_MEND = "correct it, or move it away to start over; it was left untouched"
