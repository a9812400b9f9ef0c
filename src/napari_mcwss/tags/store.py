"""One scan's tags on disk: a csv file, and a journal of what it does not hold yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mcwss.tags.history import Change, Journal, changes_between
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class TagStore:
    """The tags of one scan, always as they are on the disk.

    Nothing is kept in memory, so another program that saves tags in between
    (the command line beside napari) is neither missed nor overwritten.

    Parameters
    ----------
    folder : Path
        The ``tags`` folder of a study.
    scan : str
        Name of the scan.
    slices : int
        Number of its slices.
    classes : sequence of str
        Classes of the study.
    """

    def __init__(self, folder: Path, scan: str, slices: int, classes: Sequence[str]) -> None:
        self._csv = folder / f"{scan}.csv"
        self._journal = Journal(folder / ".journal" / f"{scan}.jsonl")
        self._slices = slices
        self._classes = tuple(classes)

    def read(self) -> TagTable:
        """Read the tags: the csv file and what the journal adds to it.

        Returns
        -------
        TagTable
            A table of its own.

        Raises
        ------
        McwssError
            If a file is damaged.
        """
        if self._csv.exists():
            table = TagTable.read_csv(self._csv, self._slices, self._classes)
        else:
            table = TagTable.empty(self._slices, self._classes)
        self._journal.replay(table)
        return table

    def change(self, slice_index: int, class_name: str, tag: Tag) -> None:
        """Change one tag; when this returns it is on the disk.

        Parameters
        ----------
        slice_index : int
            Of the slice, from 0.
        class_name : str
            Of the class.
        tag : Tag
            What is now known.

        Raises
        ------
        McwssError
            If there is no such slice or class, or it cannot be written.
        """
        previous = self.read().get(slice_index, class_name)
        if tag != previous:
            self._journal.append([Change(slice_index, class_name, tag, previous)])

    def write(self, table: TagTable) -> None:
        """Replace all tags, in the csv file.

        Parameters
        ----------
        table : TagTable
            With the slices and classes of this scan.

        Raises
        ------
        McwssError
            If a file is damaged or cannot be written.
        """
        changes = changes_between(self.read(), table)
        # Were the csv file written first and the machine to stop before the
        # journal is cleared, older deeds would be done again on newer tags.
        if changes and self._journal.pending:
            self._journal.append(changes)
        table.write_csv(self._csv)
        self._journal.clear()

    def fold(self) -> None:
        """Move what the journal holds into the csv file, for spreadsheets to see.

        Raises
        ------
        McwssError
            If a file is damaged or cannot be written; the journal stays then.
        """
        if self._journal.pending:
            self.write(self.read())
