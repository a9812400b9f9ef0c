"""The journal: every change of a tag is on the disk before the screen shows it."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_mcwss.errors import McwssError
from napari_mcwss.files import append_line
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Change:
    """One tag that became another. It knows its way back.

    Parameters
    ----------
    slice_index : int
        Of the slice, from 0.
    class_name : str
        Of the class.
    tag : Tag
        What is now known.
    previous : Tag
        What was known before.
    """

    slice_index: int
    class_name: str
    tag: Tag
    previous: Tag


def changes_between(old: TagTable, new: TagTable) -> list[Change]:
    """List the tags in which two tables of one scan differ.

    Parameters
    ----------
    old, new : TagTable
        Tables with the same slices and classes.

    Returns
    -------
    list of Change
        From old to new, in the order of the slices.
    """
    return [
        Change(
            int(row),
            old.classes[column],
            Tag(int(new.values[row, column])),
            Tag(int(old.values[row, column])),
        )
        for row, column in zip(*(new.values != old.values).nonzero(), strict=True)
    ]


class Journal:
    """What was done to one scan's tags since its csv file was written.

    Each line is one deed of the user, a list of changes that count all or not
    at all: ``{"changes": [[12, "TC", 1, -1]]}`` with slice, class, tag and the
    tag before. A deed is undone by a later line with the opposite changes, so
    the file only ever grows until it is cleared.

    Parameters
    ----------
    path : Path
        The journal's file; there is none while nothing is pending.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def pending(self) -> bool:
        """Whether there is anything that the csv file may not hold yet."""
        return self.path.exists()

    def append(self, changes: Sequence[Change]) -> None:
        """Note one deed; when this returns it is on the disk.

        Parameters
        ----------
        changes : sequence of Change
            What the deed changes.

        Raises
        ------
        McwssError
            If it cannot be written; the journal is then as it was.
        """
        rows = [[c.slice_index, c.class_name, int(c.tag), int(c.previous)] for c in changes]
        append_line(self.path, json.dumps({"changes": rows}))

    def replay(self, table: TagTable) -> None:
        """Do again, on a table, what the journal has noted.

        Parameters
        ----------
        table : TagTable
            What the csv file holds; changed in place.

        Raises
        ------
        McwssError
            If the journal cannot be read.

        Warns
        -----
        UserWarning
            Of every line that is no deed, or none of this scan: the power
            failed while it was written. It is passed over.
        """
        try:
            text = self.path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise McwssError(f"cannot read '{self.path}': {error.strerror}") from error
        for number, line in enumerate(text.splitlines(), 1):
            try:
                deed = [
                    Change(row, column, Tag(tag), Tag(previous))
                    for row, column, tag, previous in json.loads(line)["changes"]
                ]
                for change in deed:
                    table.get(change.slice_index, change.class_name)
            except (ValueError, TypeError, KeyError, McwssError):
                warnings.warn(
                    f"'{self.path}', line {number} is no change of a tag and is passed over: "
                    f"{line[:60]!r}",
                    stacklevel=2,
                )
                continue
            for change in deed:
                table.set(change.slice_index, change.class_name, change.tag)

    def clear(self) -> None:
        """Forget everything: the csv file holds it now.

        Raises
        ------
        McwssError
            If the file cannot be removed.
        """
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise McwssError(
                f"cannot remove '{self.path}': {error.strerror}: the tags are saved; remove it "
                "by hand before you edit them elsewhere"
            ) from error
