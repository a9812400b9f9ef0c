"""The journal of a scan's tags: every change is on the disk before the screen shows it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import append_line
from napari_mcwss.base.json_text import parse_json, whole_number
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """The changes that a reader made at once; all or none of them count.

    Parameters
    ----------
    changes : tuple of Change
    time : str, optional
        ISO 8601 with the offset from UTC; empty in old journals.
    reader : str, optional
        Name of the reader; empty if none was given.
    step : int, optional
        Number of the step that it belongs to, which grows over all scans of a
        study; 0 in old journals.
    undoes, redoes : int, optional
        Number of the step that it undoes, or redoes.
    """

    changes: tuple[Change, ...]
    time: str = ""
    reader: str = ""
    step: int = 0
    undoes: int = 0
    redoes: int = 0


class StoredEdit:
    """An edit in a journal, whose changes are read when they are needed.

    Attributes
    ----------
    step, undoes, redoes : int
        As in `Edit`.
    """

    def __init__(self, journal: Journal, number: int, line: str) -> None:
        self._journal, self._number, self._line = journal, number, line
        fields = _fields_after_changes(line)
        self.step, self.undoes, self.redoes = (
            whole_number(fields.get(name, 0)) for name in ("step", "undoes", "redoes")
        )

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes; none, with a UserWarning, if they cannot be read."""
        edit = self._journal.edit(self._number, self._line)
        return edit.changes if edit else ()


class Journal:
    """All edits of one scan's tags, and how many of them its csv file holds.

    Each line is one edit:
    ``{"changes": [[12, "TC", 1, -1]], "time": "...", "reader": "..."}`` with
    slice, class, tag and the tag before, then the time and, if it was given, the
    reader's name; ``step``, ``undoes`` and ``redoes`` as in `Edit`. A line
    ``{"folded": "..."}`` says that the csv file holds all above it; with ``"size": 1234``
    only the first 1234 bytes, as another program has added edits while it was written.
    An edit is undone by a later line with the opposite changes, so the file only ever
    grows.

    Parameters
    ----------
    path : Path
        The journal's file; there is none before the first edit.
    classes : ClassNames, optional
        Classes of the study, of which lines may have former names.
    """

    def __init__(self, path: Path, classes: ClassNames | None = None) -> None:
        self.path = path
        self._classes = classes or ClassNames(())

    @property
    def pending(self) -> bool:
        """Whether there is anything that the csv file may not hold yet."""
        return has_pending(self.read())

    def read(self) -> bytes:
        """Return the content of the file, empty if there is none."""
        try:
            return file_bytes(self.path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise McwssError(f"cannot read '{self.path}': {error.strerror or error}") from error

    def append(self, edit: Edit) -> int:
        """Append an edit with the present time; when this returns it is on the disk.

        Returns
        -------
        int
            Size of the file before, in bytes, for `truncate`.

        Raises
        ------
        McwssError
            If it cannot be written; the journal is then as it was.
        """
        rows = [[c.slice_index, c.class_name, int(c.tag), int(c.previous)] for c in edit.changes]
        line: dict[str, object] = {"changes": rows, "time": _now()}
        line |= {name: value for name in _OPTIONAL if (value := getattr(edit, name))}
        # The folder of the tags, in that of the study, which must be there.
        return append_line(self.path, json.dumps(line), self.path.parent.parent)

    def truncate(self, content: bytes, size: int) -> None:
        """Remove the last edit; if that fails, or anything was added since, the edit counts.

        Parameters
        ----------
        content : bytes
            What `read` returned after the edit was appended.
        size : int
            What `append` returned.
        """
        try:
            with self.path.open("r+b") as file:
                if file.seek(0, os.SEEK_END) != len(content):
                    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
                file.truncate(size)
                os.fsync(file.fileno())
        except OSError as error:
            raise McwssError(
                f"cannot write '{self.path}': {error.strerror or error}: the tags are changed, but "
                "the csv file does not show it: check that the disk has room and save again"
            ) from error

    def replay(self, table: TagTable, content: bytes, start: int = 0) -> None:
        """Apply the edits since the csv file was written to a table, in place.

        Lines that are no edit of this scan, as after a power failure, are skipped with a
        UserWarning.

        Parameters
        ----------
        table : TagTable
            What the csv file holds, or what an earlier call made of it.
        content : bytes
            What `read` returned.
        start : int, optional
            Number of bytes that were applied before, if `Seen.is_extended_by` allows that.
        """
        for number, line in _pending_lines(content, start):
            try:
                changes = self._edit(line).changes
                for change in changes:
                    table.get(change.slice_index, change.class_name)
            except (ValueError, TypeError, KeyError, McwssError):
                self._warn(number, line)
                continue
            for change in changes:
                table.set(change.slice_index, change.class_name, change.tag)

    def edits(self) -> list[Edit]:
        """List all edits, the oldest first, whether the csv file holds them or not.

        Lines that are no edit are skipped with a UserWarning.
        """
        found = (self.edit(number, line) for number, line in self._edit_lines())
        return [edit for edit in found if edit]

    def steps(self) -> list[StoredEdit]:
        """List all edits that belong to a step, the oldest first, without reading their changes.

        Lines that are no edit are skipped with a UserWarning.
        """
        found = []
        for number, line in self._edit_lines():
            try:
                found.append(StoredEdit(self, number, line))
            except (ValueError, TypeError, KeyError, AttributeError):
                self._warn(number, line)
        return [edit for edit in found if edit.step]

    def edit(self, number: int, line: str) -> Edit | None:
        """Read a line of the file; None, with a UserWarning, if it is no edit."""
        try:
            return self._edit(line)
        except (ValueError, TypeError, KeyError):
            self._warn(number, line)
            return None

    def _edit_lines(self) -> Iterator[tuple[int, str]]:
        lines = _lines(0, self.read())
        return ((number, line) for number, line in lines if not line.startswith(_COMPACTED))

    def mark_compacted(self, size: int) -> None:
        """Append a line which says that the csv file holds so many bytes of the journal."""
        try:
            others = {} if len(self.read()) == size else {"size": size}
            append_line(self.path, json.dumps({"folded": _now(), **others}))
        except McwssError as error:
            raise McwssError(
                f"the tags are saved, but '{self.path}' cannot say so: check that the disk has "
                "room, and save again before you edit the csv file elsewhere"
            ) from error

    def _edit(self, line: str) -> Edit:
        """Read one line; ValueError, TypeError or KeyError if it is no edit."""
        content = parse_json(line)
        changes = tuple(
            Change(whole_number(row), self._classes.current(str(name)), _TAGS[tag], _TAGS[previous])
            for row, name, tag, previous in content["changes"]
        )
        return Edit(
            changes,
            str(content.get("time", "")),
            str(content.get("reader", "")),
            *(whole_number(content.get(name, 0)) for name in ("step", "undoes", "redoes")),
        )

    def _warn(self, number: int, line: str) -> None:
        warnings.warn(
            f"'{self.path}', line {number} is not a change of a tag and was skipped: {line[:60]!r}",
            stacklevel=3,
        )


def _fields_after_changes(line: str) -> dict[str, Any]:
    """Return the fields of an edit but its changes, thousands of which take long to read."""
    _, found, rest = line.rpartition('], "')
    if found:
        fields: dict[str, Any] = parse_json('{"' + rest)
        if "step" in fields:
            return fields
    # Another program may have written it: fields have no order.
    content: dict[str, Any] = parse_json(line)
    return content


def has_pending(content: bytes) -> bool:
    """Return whether a journal's content holds edits that the csv file may not hold."""
    return any(line.strip() for _, line in _pending_lines(content))


@dataclass(frozen=True)
class Seen:
    """What a journal held when it was read, without a copy of it: studies have thousands."""

    size: int
    digest: bytes

    @classmethod
    def of(cls, content: bytes) -> Seen:
        """Remember a content."""
        return cls(len(content), content_digest(content))

    def is_extended_by(self, content: bytes) -> bool:
        """Return whether nothing but whole edits, or nothing, was added since."""
        before, added = content[: self.size], content[self.size :]
        if (before and not before.endswith(b"\n")) or self != Seen.of(before):
            return False
        return _COMPACTED.encode() not in added


def content_digest(content: bytes) -> bytes:
    """Return bytes that tell a content from all others."""
    return hashlib.blake2b(content, digest_size=16).digest()


# Fields of an edit, beside changes and time, that a line holds where they are not empty.
_OPTIONAL = ("reader", "step", "undoes", "redoes")

# Calling the enumeration hundreds of thousands of times would take seconds.
_TAGS = {int(tag): tag for tag in Tag}

# Begin of the line of `mark_compacted`. Even a torn one was begun once the csv file was complete.
_COMPACTED = '{"folded"'


def _pending_lines(content: bytes, start: int = 0) -> Iterator[tuple[int, str]]:
    """Yield the edits that the csv file does not hold, from a byte on, with their numbers."""
    start = max(start, _compacted(content))
    rest = _lines(content.count(b"\n", 0, start), content[start:])
    return ((number, line) for number, line in rest if not line.startswith(_COMPACTED))


def _compacted(content: bytes) -> int:
    """Return how many bytes of a journal the csv file holds."""
    mark = (b"\n" + content).rfind(b"\n" + _COMPACTED.encode())
    if mark < 0:
        return 0
    end = content.find(b"\n", mark) + 1 or len(content)
    try:
        size = parse_json(content[mark:end]).get("size")
    except ValueError:
        # The machine died while it was written; the csv file was complete.
        return end
    return size if type(size) is int and 0 <= size <= mark else end


def _lines(above: int, content: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines of a content with their numbers, which start after `above`."""
    # Names are escaped, so that line feeds alone end lines; other line breaks are damage.
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    return enumerate((line.decode("utf-8", "replace") for line in lines), above + 1)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
