"""One scan's tags on disk: a csv file, and a journal of changes that it does not hold yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.tags.changes import Change, changes_between, with_changes
from napari_mcwss.tags.journal import Edit, Journal, Seen, content_digest, has_pending
from napari_mcwss.tags.table import TagTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_mcwss.tags.class_names import ClassNames

NO_STEP = Edit(())
"""An edit without a reader that belongs to no step."""


def journal_of(folder: Path, scan: str, classes: ClassNames | None = None) -> Journal:
    """Return the journal of a scan in the ``tags`` folder of a study."""
    return Journal(folder / ".journal" / f"{scan}.jsonl", classes)


@dataclass(frozen=True)
class _Read:
    """What the two files held, and the tags of all stored classes in them."""

    compacted: bytes | None
    journal: Seen
    table: TagTable


class ScanTags:
    """The tags of one scan, as they are on the disk.

    The latest content is cached, and used where the files have not changed or the
    journal has only grown. So tags that another program saves in between (the command
    line beside napari) are neither missed nor overwritten.

    Tables that it returns and takes have the shown classes; the files keep the tags of the
    removed ones, too.

    Parameters
    ----------
    folder : Path
        The ``tags`` folder of a study.
    scan : str
    slices : int
        Number of slices of the scan.
    classes : ClassNames
        Classes of the study.
    """

    def __init__(self, folder: Path, scan: str, slices: int, classes: ClassNames) -> None:
        self._csv = folder / f"{scan}.csv"
        self._journal = journal_of(folder, scan, classes)
        self.scan = scan
        self.size = slices, classes
        self._last: _Read | None = None
        self._known = TagTable.empty(slices, classes.stored)

    @property
    def exists(self) -> bool:
        """Whether the scan was ever tagged."""
        return self._csv.exists() or self._journal.path.exists()

    @property
    def pending(self) -> bool:
        """Whether `compact` has anything to do."""
        return self._journal.pending

    @property
    def remembered(self) -> TagTable:
        """A copy of the tags as this object knows them, should the files be gone."""
        return self._shown(self._known)

    def read(self) -> TagTable:
        """Return a copy of the tags: the csv file and what the journal adds to it."""
        return self._shown(self._read_all())

    def _shown(self, table: TagTable) -> TagTable:
        return table.first(len(self.size[1].shown))

    def _read_all(self) -> TagTable:
        """Return a copy of the tags of all stored classes."""
        known = self._known
        while True:
            journal = self._journal.read()
            compacted = self._read_csv()
            # Another program may have compacted the edits in between.
            if not has_pending(journal) or self._journal.read() == journal:
                break
        last, digest = self._last, None if compacted is None else content_digest(compacted)
        if last and last.compacted == digest and last.journal.is_extended_by(journal):
            table = last.table.copy()
            self._journal.replay(table, journal, start=last.journal.size)
        else:
            table = TagTable.empty(self.size[0], self.size[1].stored)
            if compacted is not None:
                table = TagTable.from_csv(compacted, self._csv, *self.size)
            self._journal.replay(table, journal)
        copy = table.copy()
        self._last = _Read(digest, Seen.of(journal), copy)
        # Another thread may have changed tags since the files were read.
        if self._known is known:
            self._known = copy
        return table

    def _read_csv(self) -> bytes | None:
        try:
            return file_bytes(self._csv)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise McwssError(
                f"cannot read '{self._csv}': {error.strerror or error}: it was left untouched"
            ) from error

    def apply(self, changes: Sequence[Change], edit: Edit = NO_STEP) -> Edit | None:
        """Write changes into the journal; when this returns they are on the disk.

        Parameters
        ----------
        changes : sequence of Change
            At most one for each slice and class; previous tags are read from the disk.
        edit : Edit
            Reader and number of the step.

        Returns
        -------
        Edit or None
            The edit with those changes that change anything; None if there are none.
        """
        table = self._read_all()
        found = (replace(c, previous=table.get(c.slice_index, c.class_name)) for c in changes)
        done = replace(edit, changes=tuple(c for c in found if c.tag != c.previous))
        if not done.changes:
            return None
        self.append(done)
        self._known = with_changes(table, done.changes)
        return done

    def write(self, table: TagTable, edit: Edit = NO_STEP) -> Edit | None:
        """Replace all tags in the csv file; the journal gets one edit, which `apply` describes.

        If that fails, the tags are as before, unless the message says that they are saved.
        """
        changes = changes_between(self.read(), table)
        if not changes:
            self.compact()
            return None
        done = replace(edit, changes=tuple(changes))
        # The journal first: were the machine to stop after the csv file is written, older
        # edits that are still pending would be replayed on newer tags.
        size = self._journal.append(done)
        content = self._journal.read()
        try:
            # Read again: whatever another program has added since counts, too.
            self._read_all().write_csv(self._csv)
        except McwssError:
            self._journal.truncate(content, size)
            raise
        self._journal.mark_compacted(len(content))
        return done

    def compact(self) -> None:
        """Move the edits of the journal into the csv file, where spreadsheets see them."""
        content = self._journal.read()
        if not self._journal.pending:
            return
        # Read after the journal: the csv file may hold more than the mark says, never less.
        self._read_all().write_csv(self._csv)
        self._journal.mark_compacted(len(content))

    def append(self, edit: Edit) -> None:
        """Append an edit to the journal; when this returns it is on the disk."""
        self._journal.append(edit)
