"""The tags of one scan: a row a slice, a column a class."""

import csv
import io
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.errors import McwssError
from napari_mcwss.files import replacing


class Tag(IntEnum):
    """What is known of a class on a slice."""

    UNKNOWN = -1
    ABSENT = 0
    PRESENT = 1

    @property
    def next(self) -> "Tag":
        """The tag that the next keystroke gives: unknown, present, absent, unknown ..."""
        return {Tag.UNKNOWN: Tag.PRESENT, Tag.PRESENT: Tag.ABSENT}.get(self, Tag.UNKNOWN)


CELLS = {"": Tag.UNKNOWN, "0": Tag.ABSENT, "1": Tag.PRESENT}
"""How a tag is written in a csv file."""


@dataclass(eq=False)
class TagTable:
    """The tags of one scan.

    Attributes
    ----------
    classes : tuple of str
        Names of the columns.
    values : ndarray
        Int8 ``(slices, classes)`` of `Tag` values.
    """

    classes: tuple[str, ...]
    values: NDArray[np.int8]

    @classmethod
    def empty(cls, slices: int, classes: tuple[str, ...]) -> "TagTable":
        """Make a table in which all is unknown."""
        return cls(classes, np.full((slices, len(classes)), Tag.UNKNOWN, np.int8))

    def get(self, slice_index: int, class_name: str) -> Tag:
        """Give one tag."""
        return Tag(int(self.values[slice_index, self.classes.index(class_name)]))

    def set(self, slice_index: int, class_name: str, tag: Tag) -> None:
        """Change one tag.

        Raises
        ------
        McwssError
            If there is no such slice or class.
        """
        if not 0 <= slice_index < len(self.values):
            raise McwssError(
                f"slice {slice_index} does not exist: expected 0 to {len(self.values) - 1}"
            )
        if class_name not in self.classes:
            raise McwssError(
                f"class {class_name!r} does not exist: expected {', '.join(self.classes)}"
            )
        self.values[slice_index, self.classes.index(class_name)] = tag

    @property
    def tagged(self) -> NDArray[np.bool_]:
        """Which slices have a known tag: bool ``(slices,)``."""
        known: NDArray[np.bool_] = (self.values != Tag.UNKNOWN).any(1)
        return known

    def count(self, class_name: str) -> dict[Tag, int]:
        """Count the slices of each tag of one class."""
        column = self.values[:, self.classes.index(class_name)]
        return {tag: int((column == tag).sum()) for tag in Tag}

    def write_csv(self, path: Path) -> None:
        """Write the table atomically: ``slice`` counts from 0, as napari does.

        Raises
        ------
        McwssError
            If the file cannot be written; an older one is untouched then.
        """
        words = {tag: cell for cell, tag in CELLS.items()}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["slice", *self.classes])
        writer.writerows(
            [index, *(words[Tag(value)] for value in row)]
            for index, row in enumerate(self.values.tolist())
        )
        with replacing(path) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")

    @classmethod
    def read_csv(cls, path: Path, slices: int, classes: tuple[str, ...]) -> "TagTable":
        """Read a table; classes that it lacks and slices that it leaves out are unknown.

        Parameters
        ----------
        path : Path
            The file; it is never changed.
        slices : int
            Slices of the scan.
        classes : tuple of str
            Classes of the study.

        Raises
        ------
        McwssError
            If a column is no class, a slice does not exist or a tag is none.
        """
        table = cls.empty(slices, classes)
        try:
            rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines(), strict=True))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise McwssError(f"{path} is no table of tags ({error}): restore or remove it") from error
        for line, row in enumerate(rows, 2):
            number = row.pop("slice", None)
            if number is None or not number.strip().isdecimal():
                raise McwssError(f"{path}, line {line}: slice is {number!r}, expected a number")
            for name, cell in row.items():
                if name is None or cell is None or (tag := CELLS.get(cell.strip())) is None:
                    raise McwssError(
                        f"{path}, line {line}: {name} is {cell!r}, expected 1 (present), "
                        "0 (absent) or nothing (unknown)"
                    )
                try:
                    table.set(int(number), name, tag)
                except McwssError as error:
                    raise McwssError(f"{path}, line {line}: {error}") from error
        return table
