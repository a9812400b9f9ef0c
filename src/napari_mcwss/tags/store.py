"""The tags of a study: read, changed in steps, undone and redone, by one program at a time."""

from __future__ import annotations

import operator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Protocol

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.history import UndoHistory, UndoStep
from napari_mcwss.tags.journal import Edit
from napari_mcwss.tags.lock import TagLock, TagsLockedError
from napari_mcwss.tags.scan_tags import ScanTags, journal_of
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_mcwss.tags.class_names import ClassNames


class StudyIndex(Protocol):
    """The part of a study on which its tags depend."""

    @property
    def folder(self) -> Path:
        """The study's folder."""

    @property
    def scan_names(self) -> tuple[str, ...]:
        """Names of the scans."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def known_classes(self) -> ClassNames:
        """Names of the classes, of those that were removed, and their former names."""

    def slices(self, scan: str) -> int:
        """Return the number of slices of a scan; McwssError if there is no such scan."""

    def check_there(self) -> None:
        """Raise McwssError if the study is gone from its folder, or lacks a scan or a class."""

    def check_inside(self, path: Path) -> None:
        """Raise McwssError if a link on the way to a path leads out of the study."""


class TagView:
    """The tags of one scan of a study, to be read and written one by one.

    Every tag is read from the disk, and is on the disk once it is set.
    """

    def __init__(self, store: TagStore, scan: str) -> None:
        self._store = store
        self.scan = scan

    def __getitem__(self, key: tuple[int, str]) -> Tag:
        return self.table.get(*key)

    def __setitem__(self, key: tuple[int, str], tag: Tag) -> None:
        if tag not in {*Tag}:
            raise McwssError(f"tag {tag!r} does not exist: expected PRESENT, ABSENT or UNKNOWN")
        self._store.change(self.scan, operator.index(key[0]), key[1], Tag(tag))

    @property
    def table(self) -> TagTable:
        """A copy of all tags of the scan."""
        return self._store.read(self.scan)

    @property
    def values(self) -> NDArray[np.int8]:
        """A copy of all tags: ``(slices, classes)`` with values of `Tag`."""
        return self.table.values


class TagStore:
    """The tags of a study, as they are on the disk.

    Every change is a step, which is on the disk when the method returns.

    Parameters
    ----------
    study : StudyIndex

    Attributes
    ----------
    folder : Path
        The folder of the tags.
    reader : str
        Name of the reader, written into the journal unless it is empty.
    lock : TagLock
        Held during every change; while one program keeps it, all others can only read.
    """

    def __init__(self, study: StudyIndex) -> None:
        self.reader = ""
        self.lock = TagLock(study.folder / ".tags.lock")
        self.folder = study.folder / "tags"
        self._index = study
        self._steps: UndoHistory | None = None
        # Kept, so that neither a keystroke nor another look at all scans parses files again.
        self._scans: dict[tuple[str, int, ClassNames], ScanTags] = {}
        # The scan that has not been changed since it was compacted.
        self._compacted: str | None = None
        self._writing = RLock()
        self._checked = ""

    def __getitem__(self, scan: str) -> TagView:
        self._index.slices(scan)
        return TagView(self, scan)

    def acquire_lock(self) -> None:
        """Acquire the lock and keep it; steps of other programs until now can be undone.

        Raises
        ------
        McwssError
            If another program holds it, or it cannot be acquired.
        """
        self._index.check_there()
        self.lock.acquire()
        self._steps = self._compacted = None
        # The first tag looks again, and tells of what is wrong.
        with suppress(McwssError):
            self._check_inside()

    def read(self, scan: str) -> TagTable:
        """Read a scan's tags.

        Raises
        ------
        McwssError
            If there is no such scan, its table is damaged, or the study is gone.
        """
        self._index.check_there()
        return self._store(scan).read()

    def remembered(self, scan: str) -> TagTable:
        """Return a scan's tags as far as they are in memory, should the files be gone."""
        return self._store(scan).remembered

    def readers(self, scan: str) -> dict[tuple[int, str], str]:
        """Return the readers of a scan's tags according to its journal.

        Returns
        -------
        dict
            Slice and class to the reader of the latest change, empty if that has no name.

        Raises
        ------
        McwssError
            If the journal cannot be read.
        """
        return {
            (change.slice_index, change.class_name): edit.reader
            for edit in journal_of(self.folder, scan, self._index.known_classes).edits()
            for change in edit.changes
        }

    def change(self, scan: str, slice_index: int, class_name: str, tag: Tag) -> None:
        """Change one tag as one step, as `apply` does."""
        self.apply(scan, [Change(slice_index, class_name, tag, Tag.UNKNOWN)])

    def apply(self, scan: str, changes: Sequence[Change]) -> None:
        """Change tags of a scan as one step, in its journal.

        There may be one change for each slice and class; previous tags are read from the disk.

        Raises
        ------
        McwssError
            If there is no such scan, slice or class, it cannot be written, or
            another program changes the tags now.
        """
        with self._changing():
            edit = self._store_to_change(scan).apply(changes, self._edit())
            self._add_step([(scan, edit)])

    def write(self, tables: Mapping[str, TagTable]) -> None:
        """Replace all tags of scans as one step, in their csv files.

        Raises
        ------
        McwssError
            If a table does not fit its scan and the classes, cannot be written, or
            another program changes the tags now. The tags of the scan at which it
            stops are as before, unless the message says that they are saved.
        """
        self._check(tables)
        with self._changing():
            edit = self._edit()
            written: list[tuple[str, Edit | None]] = []
            try:
                for scan, table in tables.items():
                    self._keep_lock(written)
                    written.append((scan, self._store_to_change(scan).write(table, edit)))
            finally:
                self._add_step(written)

    def update(self, scan: str, tags: TagTable) -> None:
        """Set the tags that are known in a table of any of the classes, as `write` does."""
        with self.lock:
            table = self.read(scan)
            table.update(tags)
            self.write({scan: table})

    def compact(self, scan: str) -> None:
        """Move the edits of a scan's journal into its csv file.

        This does nothing while another program holds the lock, and loses nothing if it fails.
        """
        if self._compacted == scan and self.lock.held:
            return
        with self._writing, suppress(TagsLockedError):
            self._index.check_there()
            store = self._store(scan)
            if store.pending:
                with self._changing():
                    store.compact()
            self._compacted = scan

    def prepare_history(self) -> None:
        """Read all journals now, so that the first undo need not."""
        self._history()

    @property
    def to_undo(self) -> UndoStep | None:
        """The step that `undo` undoes, if any."""
        return self._history().to_undo

    @property
    def to_redo(self) -> UndoStep | None:
        """The step that `redo` redoes, if any."""
        return self._history().to_redo

    def undo(self) -> UndoStep | None:
        """Undo the latest step, if any, except for tags that were changed elsewhere since then.

        Raises
        ------
        McwssError
            If a journal is damaged or cannot be written, or another program
            changes the tags now.
        """
        step = self.to_undo
        return None if step is None else self._apply_step(step, back=True)

    def redo(self) -> UndoStep | None:
        """Redo the step that was undone last, as `undo` does."""
        step = self.to_redo
        return None if step is None else self._apply_step(step, back=False)

    def _apply_step(self, step: UndoStep, *, back: bool) -> UndoStep:
        mark = self._edit(undoes=step.number) if back else self._edit(redoes=step.number)
        written: list[tuple[str, Edit | None]] = []
        with self._changing():
            try:
                for scan, changes in step.changes.items():
                    self._keep_lock(written)
                    store = self._store_to_change(scan)
                    wanted = [change.reversed if back else change for change in changes]
                    table = store.read()
                    # Tags that were changed elsewhere since then stay.
                    kept = [
                        change
                        for change in wanted
                        if table.get(change.slice_index, change.class_name) == change.previous
                    ]
                    edit = replace(mark, changes=tuple(kept))
                    store.append(edit)
                    written.append((scan, edit))
            finally:
                self._add_step(written)
        return step

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep other programs, and other threads of this one, from changing tags meanwhile."""
        with self._writing:
            self._index.check_there()
            held, key = self.lock.held, self.lock.key
            with self.lock:
                if held and self.lock.key != key:
                    # It was lost meanwhile, and others may have tagged.
                    self._steps = self._compacted = None
                self._check_inside()
                yield

    def _check_inside(self) -> None:
        """Refuse links out of the study; not at each keystroke: a look takes a while on a share."""
        if self.lock.key != self._checked:
            self._index.check_inside(self.folder / ".journal")
            self._checked = self.lock.key

    def _history(self) -> UndoHistory:
        if self._steps is None:
            self._index.check_there()
            # Journals are read without the scans: the images of one may be missing.
            classes = self._index.known_classes
            names = self._index.scan_names
            edits = {scan: journal_of(self.folder, scan, classes).steps() for scan in names}
            self._steps = UndoHistory(edits, classes.shown)
        return self._steps

    def forget_history(self) -> None:
        """Read all journals again at the next undo, as after a class was removed."""
        self._steps = self._compacted = None
        self._scans.clear()

    def _edit(self, *, undoes: int = 0, redoes: int = 0) -> Edit:
        # Clocks are set back, and are coarse: the journals hold the number of the latest step.
        with suppress(McwssError):
            self._history()
        number = (self._steps or UndoHistory({}, ())).next_number()
        return Edit((), reader=self.reader, step=number, undoes=undoes, redoes=redoes)

    def _add_step(self, edits: Iterable[tuple[str, Edit | None]]) -> None:
        if self._steps is not None:
            self._steps.add((scan, edit) for scan, edit in edits if edit is not None)

    def _check(self, tables: Mapping[str, TagTable]) -> None:
        classes = self._index.class_names
        for scan, table in tables.items():
            slices = self._index.slices(scan)
            if table.classes != classes or table.values.shape != (slices, len(classes)):
                raise McwssError(
                    f"tags of {len(table.values)} slices and classes {', '.join(table.classes)}: "
                    f"scan {scan} has {slices} slices, and the study classes {', '.join(classes)}"
                )

    def _store(self, scan: str) -> ScanTags:
        key = scan, self._index.slices(scan), self._index.known_classes
        # One for all threads: what one of them changes, the others remember.
        return self._scans.get(key) or self._scans.setdefault(key, ScanTags(self.folder, *key))

    def _keep_lock(self, written: Sequence[object]) -> None:
        """Refuse to go on if another program has got the lock since the first of many scans."""
        if written:
            self.lock.verify()

    def _store_to_change(self, scan: str) -> ScanTags:
        self._compacted = None
        return self._store(scan)
