"""Tags in files that spreadsheets read and write, in long and in wide form."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.base.text import names_text, shortened
from napari_mcwss.tags.csv_text import table_text, whole_text
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_mcwss.tags.class_names import ClassNames

LONG = ("scan", "slice", "class", "tag")
"""Columns of the long form, in which `write_long` writes them."""

_TAGS = {
    "": Tag.UNKNOWN,
    "unknown": Tag.UNKNOWN,
    "0": Tag.ABSENT,
    "absent": Tag.ABSENT,
    "1": Tag.PRESENT,
    "present": Tag.PRESENT,
}


def read_spreadsheets(
    paths: Sequence[Path], classes: ClassNames, slices_of: Callable[[str], int]
) -> dict[str, TagTable]:
    """Read tags from files of the long or the wide form.

    The long form has the columns scan, slice, class and tag, in any order and
    among others, and a row for each tag. The wide form has the column slice, a
    column for each class, a row for each slice, and the column scan, or the
    file has the name of the scan. Cells are separated by commas, semicolons or
    tabs. Slices count from 0.

    Parameters
    ----------
    paths : sequence of Path
    classes : ClassNames
        Classes of the study, of which files may have former names.
    slices_of : callable
        Returns the number of slices of a scan; raises McwssError if there is none.

    Returns
    -------
    dict of str to TagTable
        A table of all classes for every scan in the files; tags that are not there
        are unknown.

    Raises
    ------
    McwssError
        If a file cannot be read, names a scan, slice or class that the study does not
        have, or contradicts itself or another.
    """
    found = _Found(classes, slices_of, paths)
    for number, path in enumerate(paths):
        text, delimiter = _text(path)
        if not text.strip(f"{delimiter} \t\r\n"):
            raise McwssError(f"'{path}' is empty: expected {_columns_text(classes)}")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            cells = ([cell.strip() for cell in row] for row in rows)
            filled = (row for row in cells if any(row))
            layout = _layout(next(filled, []), classes)
            for row in filled:
                found.add(layout, row, (number, rows.line_num))
        except csv.Error as error:
            raise McwssError(
                f"'{path}', line {rows.line_num} is not a row of a table ({error}): correct the row"
            ) from error
        except McwssError as error:
            raise McwssError(f"'{path}', line {rows.line_num}: {error}") from error
    return found.tables()


def write_long(path: Path, tables: Iterable[tuple[str, TagTable]]) -> int:
    """Write the known tags of scans into one file of the long form, atomically; count them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LONG)
    words = {int(tag): tag.name.lower() for tag in (Tag.PRESENT, Tag.ABSENT)}
    count = 0
    for scan, table in tables:
        for index, row in enumerate(table.values.tolist()):
            known = [(c, tag) for c, tag in zip(table.classes, row, strict=True) if tag in words]
            writer.writerows([scan, index, class_name, words[tag]] for class_name, tag in known)
            count += len(known)
    with replacing(path, parents=True) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
    return count


@dataclass(frozen=True)
class _Layout:
    """The columns of a file: `long` are those of class and tag, `wide` one for each class."""

    columns: int
    slice: int
    scan: int | None
    long: tuple[int, int] | None = None
    wide: Mapping[str, int] = field(default_factory=dict)

    def tags(self, row: Sequence[str]) -> list[tuple[str, str]]:
        """Return the classes and tags of a row."""
        if self.long is not None:
            return [(row[self.long[0]], row[self.long[1]])]
        return [(name, row[column]) for name, column in self.wide.items()]


def _layout(written: Sequence[str], classes: ClassNames) -> _Layout:
    header = [name if name.lower() in LONG else classes.current(name) for name in written]
    lower = [name.lower() for name in header]
    # Spreadsheets often leave empty columns at the end.
    named = [name for name in header if name]
    wide = {name: header.index(name) for name in named if name in classes.shown}
    # A class may be called scan; the files then have the names of their scans.
    unexpected = [name for name in named if name not in wide and name.lower() not in LONG[:2]]
    if len({*filter(None, lower)}) == len(named):
        if set(LONG) <= set(lower):
            scan, slice_, class_, tag = map(lower.index, LONG)
            return _Layout(len(header), slice_, scan, long=(class_, tag))
        if "slice" in lower and wide and not unexpected:
            others = {name.lower(): header.index(name) for name in named if name not in wide}
            return _Layout(len(header), others["slice"], others.get("scan"), wide=wide)
    raise McwssError(
        f"found the columns {names_text([*map(shortened, named)])}: expected "
        f"{_columns_text(classes)}: correct the columns"
    )


def _columns_text(classes: ClassNames) -> str:
    return (
        f"the columns {', '.join(LONG)} (a row for each tag), or scan, slice, "
        f"{', '.join(classes.shown)} (a row for each slice), each once"
    )


class _Found:
    """The tags that were read so far, and the file and line of each."""

    def __init__(
        self, classes: ClassNames, slices_of: Callable[[str], int], paths: Sequence[Path]
    ) -> None:
        self._classes = classes
        self._columns = {name: column for column, name in enumerate(classes.shown)}
        self._slices_of = slices_of
        self._paths = paths
        # Lists, since single elements of arrays are slow. A place is the number of the file
        # and the line in it.
        self._tags: dict[str, list[list[int]]] = {}
        self._places: dict[str, dict[tuple[int, int], tuple[int, int]]] = {}

    def tables(self) -> dict[str, TagTable]:
        """Return the tags by scan."""
        return {
            scan: TagTable(tuple(self._columns), np.array(tags, np.int8))
            for scan, tags in self._tags.items()
        }

    def add(self, layout: _Layout, row: Sequence[str], place: tuple[int, int]) -> None:
        """Add the tags of a row."""
        if not layout.long:
            # Spreadsheets leave out empty cells at the end of a row.
            row = [*row, *[""] * (layout.columns - len(row))]
        if len(row) < layout.columns or any(row[layout.columns :]):
            raise McwssError(f"found {len(row)} cells: expected {layout.columns}: correct the row")
        scan, tags = self._scan(layout, row, self._paths[place[0]])
        slice_text, slices = whole_text(row[layout.slice]), len(tags)
        # Python refuses to convert thousands of digits.
        number = int(slice_text) if slice_text.isdecimal() and len(slice_text) < 10 else -1
        if not 0 <= number < slices:
            raise McwssError(
                f"scan {scan} has no slice {shortened(slice_text)!r}: expected 0 to "
                f"{slices - 1}: correct the number"
            )
        index, places = number, self._places[scan]
        for written, text in layout.tags(row):
            class_name = self._classes.current(written)
            column, tag = self._columns.get(class_name), _TAGS.get(whole_text(text.lower()))
            if column is None:
                raise McwssError(
                    f"the study has no class {shortened(class_name)!r}: expected "
                    f"{', '.join(self._columns)}: correct the name, or add the class to the study"
                )
            if tag is None:
                raise McwssError(
                    f"{shortened(text)!r} is not a tag: expected present or 1, absent or 0, "
                    "unknown or an empty cell: correct the tag"
                )
            if tag is Tag.UNKNOWN:
                continue
            before = places.setdefault((index, column), place)
            if before is not place and tags[index][column] != tag:
                raise McwssError(
                    f"scan {scan}, slice {index}, class {class_name} is {tag.name.lower()} here, "
                    f"but {Tag(tags[index][column]).name.lower()} in '{self._paths[before[0]]}', "
                    f"line {before[1]}: remove one"
                )
            tags[index][column] = tag

    def _scan(self, layout: _Layout, row: Sequence[str], path: Path) -> tuple[str, list[list[int]]]:
        """Return the name and the tags of the scan of a row."""
        scan = path.stem if layout.scan is None else row[layout.scan]
        if scan not in self._tags:
            try:
                slices = self._slices_of(scan)
            except McwssError as error:
                if layout.scan is not None:
                    raise
                raise McwssError(
                    f"{error}: add a column scan, or name the file after its scan"
                ) from error
            self._tags[scan] = [[Tag.UNKNOWN] * len(self._columns) for _ in range(slices)]
            self._places[scan] = {}
        return scan, self._tags[scan]


def _text(path: Path) -> tuple[str, str]:
    try:
        return table_text(file_bytes(path))
    except OSError as error:
        raise McwssError(f"cannot read '{path}': {error.strerror or error}") from error
    except UnicodeError as error:
        raise McwssError(
            f"'{path}' is not text in UTF-8: expected comma-separated values: save the table "
            "as 'CSV UTF-8' in the spreadsheet program"
        ) from error
