"""All tags of a study: read, changed step by step, taken back, one program at a time."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.history import UndoHistory, UndoStep
from napari_mcwss.tags.journal import Edit
from napari_mcwss.tags.lock import TagLock, TagsLockedError
from napari_mcwss.tags.scan_tags import ScanTags, journal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from napari_mcwss.tags.table import Tag, TagTable


class TagStore:
    """The tags of a study, always as they are on the disk.

    Every change is a step, which is in the journals when the method returns.

    Parameters
    ----------
    folder : Path
        Of the study.
    scans, classes : callable
        Give the names of the study's scans and classes.
    slices : callable
        Gives the number of a scan's slices by its name; refuses unknown names.

    Attributes
    ----------
    folder : Path
        Where the tags are kept.
    reader : str
        Who tags, for the journal; empty if no name is to be noted.
    lock : TagLock
        Taken for every change; who keeps it makes all others readers only.
    """

    def __init__(
        self,
        folder: Path,
        scans: Callable[[], Sequence[str]],
        classes: Callable[[], tuple[str, ...]],
        slices: Callable[[str], int],
    ) -> None:
        self.reader = ""
        self.lock = TagLock(folder / ".tags.lock")
        self.folder = folder / "tags"
        self._scans = scans
        self._classes = classes
        self._slices = slices
        self._steps: UndoHistory | None = None
        self._latest: ScanTags | None = None
        self._writing = RLock()

    def claim(self) -> None:
        """Take the lock, to keep it; what other programs did until now belongs to the history.

        Raises
        ------
        McwssError
            If another program has it, or it cannot be taken.
        """
        self.lock.acquire()
        self._steps = None

    def read(self, scan: str) -> TagTable:
        """Read a scan's tags.

        Raises
        ------
        McwssError
            If there is no such scan, or its table is damaged.
        """
        return self._store(scan).read()

    def readers(self, scan: str) -> dict[tuple[int, str], str]:
        """Tell who gave the tags of a scan, as far as its journal knows.

        Parameters
        ----------
        scan : str
            Name of the scan.

        Returns
        -------
        dict
            Slice and class to the reader of the latest change; empty text
            where no name was noted.

        Raises
        ------
        McwssError
            If the journal cannot be read.
        """
        return {
            (change.slice_index, change.class_name): edit.reader
            for edit in journal_of(self.folder, scan).edits()
            for change in edit.changes
        }

    def change(self, scan: str, slice_index: int, class_name: str, tag: Tag) -> None:
        """Change one tag, as one step.

        Raises
        ------
        McwssError
            If there is no such scan, slice or class, it cannot be written, or
            another program changes the tags now.
        """
        with self._changing():
            edit = self._store_to_change(scan).change(slice_index, class_name, tag, self._edit())
            self._note([(scan, edit)])

    def apply(self, tables: Mapping[str, TagTable]) -> None:
        """Replace the tags of scans, as one step, in their journals.

        Parameters
        ----------
        tables : mapping
            Scan to all its tags.

        Raises
        ------
        McwssError
            If a table is not of its scan and these classes, cannot be written,
            or another program changes the tags now.
        """
        self._check(tables)
        with self._changing():
            edit = self._edit()
            noted: list[tuple[str, Edit | None]] = []
            try:
                for scan, table in tables.items():
                    noted.append((scan, self._store_to_change(scan).apply(table, edit)))
            finally:
                self._note(noted)

    def write(self, tables: Mapping[str, TagTable]) -> None:
        """Replace the tags of scans, as one step, in their csv files; as `apply` otherwise.

        Raises
        ------
        McwssError
            As `apply`; of the scan at which it stops, the tags are as before,
            unless the message says that they are saved.
        """
        self._check(tables)
        with self._changing():
            edit = self._edit()
            noted: list[tuple[str, Edit | None]] = []
            try:
                for scan, table in tables.items():
                    noted.append((scan, self._store_to_change(scan).write(table, edit)))
            finally:
                self._note(noted)

    def compact(self, scan: str) -> None:
        """Bring a scan's csv file up to date; while another program changes tags it is left to it.

        Raises
        ------
        McwssError
            If it cannot be written; nothing is lost then.
        """
        store = self._store(scan)
        if store.pending:
            with suppress(TagsLockedError), self._changing():
                store.compact()

    def prepare_history(self) -> None:
        """Read all journals, which the first undo would else do while somebody waits.

        Raises
        ------
        McwssError
            If one cannot be read.
        """
        self._history()

    @property
    def to_undo(self) -> UndoStep | None:
        """The step that is taken back next, if any."""
        done = self._history().done
        return done[-1] if done else None

    @property
    def to_redo(self) -> UndoStep | None:
        """The step that is done again next, if any."""
        undone = self._history().undone
        return undone[-1] if undone else None

    def undo(self) -> UndoStep | None:
        """Take the latest step back; what was changed elsewhere since then stays.

        Returns
        -------
        UndoStep or None
            What was taken back; None if there was nothing.

        Raises
        ------
        McwssError
            If a journal is damaged or cannot be written, or another program
            changes the tags now.
        """
        step = self.to_undo
        return None if step is None else self._turn(step, back=True)

    def redo(self) -> UndoStep | None:
        """Do again what was taken back last; as `undo` otherwise."""
        step = self.to_redo
        return None if step is None else self._turn(step, back=False)

    def _turn(self, step: UndoStep, *, back: bool) -> UndoStep:
        mark = self._edit(undoes=step.number) if back else self._edit(redoes=step.number)
        noted: list[tuple[str, Edit | None]] = []
        with self._changing():
            try:
                for scan, changes in step.changes.items():
                    store = self._store_to_change(scan)
                    wanted = [change.reversed if back else change for change in changes]
                    table = store.read()
                    # What was changed elsewhere since then is not ours to turn.
                    turned = [
                        change
                        for change in wanted
                        if table.get(change.slice_index, change.class_name) == change.previous
                    ]
                    edit = replace(mark, changes=tuple(turned))
                    store.note(edit)
                    noted.append((scan, edit))
            finally:
                self._note(noted)
        return step

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let no other program change tags meanwhile, nor another thread of this one."""
        with self._writing, self.lock:
            yield

    def _history(self) -> UndoHistory:
        if self._steps is None:
            # Journals are read without the scans: the images of one may be missing.
            journals = {scan: journal_of(self.folder, scan) for scan in self._scans()}
            self._steps = UndoHistory({scan: journal.edits() for scan, journal in journals.items()})
        return self._steps

    def _edit(self, *, undoes: int = 0, redoes: int = 0) -> Edit:
        # Where the clock was set back, or is a coarse one, only the journals know what came last.
        with suppress(McwssError):
            self._history()
        number = (self._steps or UndoHistory({})).next_number()
        return Edit((), reader=self.reader, step=number, undoes=undoes, redoes=redoes)

    def _note(self, edits: Iterable[tuple[str, Edit | None]]) -> None:
        if self._steps is not None:
            self._steps.note((scan, edit) for scan, edit in edits if edit is not None)

    def _check(self, tables: Mapping[str, TagTable]) -> None:
        classes = self._classes()
        for scan, table in tables.items():
            slices = self._slices(scan)
            if table.classes != classes or table.values.shape != (slices, len(classes)):
                raise McwssError(
                    f"tags of {len(table.values)} slices and classes {', '.join(table.classes)}: "
                    f"scan {scan} has {slices} slices, and the study classes {', '.join(classes)}"
                )

    def _store(self, scan: str) -> ScanTags:
        latest, size = self._latest, (self._slices(scan), self._classes())
        if latest is not None and (latest.scan, latest.size) == (scan, size):
            return latest
        return ScanTags(self.folder, scan, *size)

    def _store_to_change(self, scan: str) -> ScanTags:
        # Kept, as what is read of it need not be understood anew at every keystroke.
        self._latest = self._store(scan)
        return self._latest
