"""The journal: every change of a tag is on the disk before the screen shows it."""

from __future__ import annotations

import json
import operator
import os
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import append_line
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """What a reader did at once: changes that count all or not at all.

    Parameters
    ----------
    changes : tuple of Change
        What became another.
    time : str, optional
        When, in ISO 8601 with the offset from UTC; empty if it was not noted.
    reader : str, optional
        Who did it; empty if no name was given.
    step : int, optional
        Number of the step that it belongs to, growing over all scans of a
        study; 0 if it was noted before there were steps.
    undoes, redoes : int, optional
        Number of the step that it takes back, or does again.
    """

    changes: tuple[Change, ...]
    time: str = ""
    reader: str = ""
    step: int = 0
    undoes: int = 0
    redoes: int = 0


class Journal:
    """What was done to one scan's tags, and how much of it its csv file holds.

    Each line is one edit of a reader, changes that count all or not at all:
    ``{"changes": [[12, "TC", 1, -1]], "time": "...", "reader": "..."}`` with
    slice, class, tag and the tag before, then when and, if a name was given,
    by whom; ``step``, ``undoes`` and ``redoes`` as in `Edit`. A line
    ``{"folded": "..."}`` says that the csv file holds all above it. An edit is
    undone by a later line with the opposite changes, so the file
    only ever grows.

    Parameters
    ----------
    path : Path
        The journal's file; there is none before the first edit.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def pending(self) -> bool:
        """Whether there is anything that the csv file may not hold yet."""
        return bool(_uncompacted(self.read())[1].strip())

    def read(self) -> bytes:
        """Give the content of the file; nothing if there is none.

        Returns
        -------
        bytes
            Since the file only grows, it is unchanged where they are the same.

        Raises
        ------
        McwssError
            If it cannot be read.
        """
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise McwssError(f"cannot read '{self.path}': {error.strerror or error}") from error

    def append(self, edit: Edit) -> int:
        """Note one edit; when this returns it is on the disk.

        Parameters
        ----------
        edit : Edit
            Its time is that of now.

        Returns
        -------
        int
            Size of the file before, in bytes, for `take_back`.

        Raises
        ------
        McwssError
            If it cannot be written; the journal is then as it was.
        """
        rows = [[c.slice_index, c.class_name, int(c.tag), int(c.previous)] for c in edit.changes]
        line: dict[str, object] = {"changes": rows, "time": _now()}
        line |= {name: value for name in _NOTED if (value := getattr(edit, name))}
        size = len(self.read())
        append_line(self.path, json.dumps(line))
        return size

    def take_back(self, size: int) -> None:
        """Forget the edit that was noted last.

        Parameters
        ----------
        size : int
            What `append` returned.

        Raises
        ------
        McwssError
            If the file cannot be changed; the edit counts then.
        """
        try:
            with self.path.open("r+b") as file:
                file.truncate(size)
                os.fsync(file.fileno())
        except OSError as error:
            raise McwssError(
                f"cannot write '{self.path}': {error.strerror or error}: the tags are changed, but "
                "the csv file does not show it: check that the disk has room and save again"
            ) from error

    def replay(self, table: TagTable, content: bytes, start: int = 0) -> None:
        """Do again, on a table, what the journal has noted since the csv file was written.

        Parameters
        ----------
        table : TagTable
            What the csv file holds; changed in place.
        content : bytes
            What `read` returned.
        start : int, optional
            How much of it was done already, if `grown` says that the rest can be done alone.

        Warns
        -----
        UserWarning
            Of every line that is no edit, or none of this scan: the power
            failed while it was written. It is passed over.
        """
        rest = (content.count(b"\n", 0, start), content[start:]) if start else _uncompacted(content)
        for number, line in _lines(*rest):
            try:
                changes = _edit(line).changes
                for change in changes:
                    table.get(change.slice_index, change.class_name)
            except (ValueError, TypeError, KeyError, McwssError):
                self._warn(number, line)
                continue
            for change in changes:
                table.set(change.slice_index, change.class_name, change.tag)

    def edits(self) -> list[Edit]:
        """List all that was ever noted, whether the csv file holds it or not.

        Returns
        -------
        list of Edit
            The oldest first.

        Raises
        ------
        McwssError
            If the journal cannot be read.

        Warns
        -----
        UserWarning
            Of every line that is no edit. It is passed over.
        """
        edits = []
        for number, line in _lines(0, self.read()):
            if line.startswith(_COMPACTED):
                continue
            try:
                edits.append(_edit(line))
            except (ValueError, TypeError, KeyError):
                self._warn(number, line)
        return edits

    def mark_compacted(self) -> None:
        """Note that the csv file holds everything.

        Raises
        ------
        McwssError
            If it cannot be noted.
        """
        try:
            append_line(self.path, json.dumps({"folded": _now()}))
        except McwssError as error:
            raise McwssError(
                f"the tags are saved, but '{self.path}' cannot say so: check that the disk has "
                "room, and save again before you edit the csv file elsewhere"
            ) from error

    def _warn(self, number: int, line: str) -> None:
        warnings.warn(
            f"'{self.path}', line {number} is not a change of a tag and was skipped: {line[:60]!r}",
            stacklevel=3,
        )


def grown(before: bytes, now: bytes) -> bool:
    """Whether a journal has got nothing but whole edits, or nothing at all, since it was read."""
    if not now.startswith(before) or not before.endswith(b"\n"):
        return False
    return _COMPACTED.encode() not in now[len(before) :]


# What a line says of an edit beside its changes and time, where there is anything to say.
_NOTED = ("reader", "step", "undoes", "redoes")

# Asked hundreds of thousands of times, an enumeration would take seconds.
_TAGS = {int(tag): tag for tag in Tag}

# How a line begins that says so. Even a torn one was begun after the csv file was complete.
_COMPACTED = '{"folded"'


def _uncompacted(content: bytes) -> tuple[int, bytes]:
    """Split off what the csv file holds: how many lines it is, and the content after it."""
    mark = (b"\n" + content).rfind(b"\n" + _COMPACTED.encode())
    if mark < 0:
        return 0, content
    end = content.find(b"\n", mark) + 1 or len(content)
    return content.count(b"\n", 0, end), content[end:]


def _lines(above: int, content: bytes) -> Iterator[tuple[int, str]]:
    """Give the lines of a content and their numbers; so many others are above it."""
    # Names of readers and classes are escaped: what else looks like a line break is damage.
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    return enumerate((line.decode("utf-8", "replace") for line in lines), above + 1)


def _edit(line: str) -> Edit:
    """Read one line of a journal; ValueError, TypeError or KeyError if it is no edit."""
    content = json.loads(line)
    changes = tuple(
        Change(operator.index(row), str(name), _TAGS[tag], _TAGS[previous])
        for row, name, tag, previous in content["changes"]
    )
    return Edit(
        changes,
        str(content.get("time", "")),
        str(content.get("reader", "")),
        *(int(content.get(name, 0)) for name in ("step", "undoes", "redoes")),
    )


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
