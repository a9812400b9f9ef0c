"""Whatever is done in whatever order: undo and redo go through exactly the states that were."""

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.study_index import Index
from helpers.tag_strategies import edits
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.changes import with_changes
from napari_mcwss.tags.store import TagStore
from napari_mcwss.tags.table import Tag

CLASSES = ("TC", "Ödem 2")
SCANS = {"a": 4, "b": 1, "scan.3": 3}
SCAN = st.sampled_from(list(SCANS))
# An edit for each number of slices.
EDITS = st.fixed_dictionaries({slices: edits(slices, CLASSES) for slices in SCANS.values()})
State = dict[str, list[list[int]]]


def opened(folder: Path) -> TagStore:
    return TagStore(Index(folder, SCANS, CLASSES))


class Reader(RuleBasedStateMachine):
    """A study that is tagged, beside the plain list of all states that it has had."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.patch = pytest.MonkeyPatch()
        # It stands still: computers' clocks are coarse, and are set.
        self.clock = 10**18
        clock = SimpleNamespace(time_ns=lambda: self.clock)
        self.patch.setattr("napari_mcwss.tags.history.time", clock)
        self.book = opened(self.folder)
        self.states: list[State] = [self.state]
        self.place = 0

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.folder)

    @property
    def state(self) -> State:
        return {scan: self.book.read(scan).values.tolist() for scan in SCANS}

    def has_acted(self) -> None:
        """Expect the state of now from now on, which ends what could be redone."""
        now = self.state
        if now != self.states[self.place]:
            self.place += 1
            self.states[self.place :] = [now]

    @rule(scan=SCAN, edit=EDITS)
    def edit(self, scan: str, edit: dict) -> None:
        table = self.book.read(scan)
        changes = edit[SCANS[scan]](table)
        expected = with_changes(table, changes)
        self.book.apply(scan, changes)
        assert self.book.read(scan).values.tolist() == expected.values.tolist()
        self.has_acted()

    @rule(scan=SCAN, name=st.sampled_from(CLASSES), tag=st.sampled_from(list(Tag)))
    def change(self, scan: str, name: str, tag: Tag) -> None:
        self.book.change(scan, SCANS[scan] - 1, name, tag)
        assert self.book.read(scan).get(SCANS[scan] - 1, name) == tag
        self.has_acted()

    @rule(edit=EDITS)
    def edit_all(self, edit: dict) -> None:
        tables = {scan: self.book.read(scan) for scan in SCANS}
        self.book.write({s: with_changes(t, edit[SCANS[s]](t)) for s, t in tables.items()})
        self.has_acted()

    @rule()
    def undo(self) -> None:
        assert (self.book.undo() is None) == (self.place == 0)
        self.place = max(0, self.place - 1)

    @rule()
    def redo(self) -> None:
        last = len(self.states) - 1
        assert (self.book.redo() is None) == (self.place == last)
        self.place = min(last, self.place + 1)

    @rule(scan=SCAN)
    def compact(self, scan: str) -> None:
        self.book.compact(scan)

    @rule()
    def open_again(self) -> None:
        self.book = opened(self.folder)

    @rule(seconds=st.sampled_from([-3600, 1, 3600]))
    def set_the_clock(self, seconds: int) -> None:
        self.clock += seconds * 10**9

    @rule(scan=SCAN, edit=EDITS)
    def another_program_edits_meanwhile(self, scan: str, edit: dict) -> None:
        other = opened(self.folder)
        with other.lock:
            other.apply(scan, edit[SCANS[scan]](other.read(scan)))
        self.book.acquire_lock()
        self.book.lock.release()
        self.has_acted()

    @rule(scan=SCAN, edit=EDITS)
    def edit_on_a_full_disk(self, scan: str, edit: dict) -> None:
        changes = edit[SCANS[scan]](self.book.read(scan))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("napari_mcwss.tags.journal.append_line", _full)
            if changes:
                with pytest.raises(McwssError, match="full"):
                    self.book.apply(scan, changes)

    @precondition(lambda self: self.place > 0)
    @rule()
    def undo_on_a_full_disk(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("napari_mcwss.tags.journal.append_line", _full)
            with pytest.raises(McwssError, match="full"):
                self.book.undo()

    @rule()
    def undo_all_and_redo_all(self) -> None:
        for _ in range(self.place):
            assert self.book.undo() is not None
        assert self.state == self.states[0]
        self.book = opened(self.folder)
        for _ in self.states[1:]:
            assert self.book.redo() is not None
        assert self.book.redo() is None
        self.place = len(self.states) - 1

    @invariant()
    def is_as_expected(self) -> None:
        assert self.state == self.states[self.place]


def _full(*_: object) -> None:
    raise McwssError("the disk is full")


TestReader = Reader.TestCase
TestReader.settings = settings(max_examples=30, stateful_step_count=25)
