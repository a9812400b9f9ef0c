"""The steps that can be undone and redone, over all scans of a study and across restarts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from napari_mcwss.tags.changes import Change
    from napari_mcwss.tags.journal import Edit, StoredEdit

    ScanEdit = tuple[str, Edit | StoredEdit]
    """An edit, and the scan whose journal has it."""


@dataclass
class UndoStep:
    """The edits that a reader made at once; the number increases with each step."""

    number: int
    edits: list[ScanEdit]
    classes: Collection[str]

    @cached_property
    def changes(self) -> dict[str, tuple[Change, ...]]:
        """The changes by scan, without those of removed classes: nobody would see them undone."""
        found = {
            scan: tuple(change for change in edit.changes if change.class_name in self.classes)
            for scan, edit in self.edits
        }
        return {scan: changes for scan, changes in found.items() if changes}


class UndoHistory:
    """The steps of a study in their order, from all edits of its journals by scan.

    `classes` are those whose changes are undone and redone.
    """

    def __init__(
        self, edits: Mapping[str, Sequence[Edit | StoredEdit]], classes: Collection[str]
    ) -> None:
        self._classes = classes
        self._done: list[UndoStep] = []
        self._undone: list[UndoStep] = []
        self._last = 0
        known = ((scan, edit) for scan, found in edits.items() for edit in found if edit.step)
        ordered = sorted(known, key=lambda pair: pair[1].step)
        for _, together in groupby(ordered, key=lambda pair: pair[1].step):
            self.add(together)

    @property
    def to_undo(self) -> UndoStep | None:
        """The latest step that was not undone."""
        return _latest(self._done)

    @property
    def to_redo(self) -> UndoStep | None:
        """The step that was undone last, if none was made since."""
        return _latest(self._undone)

    def next_number(self) -> int:
        """Return the number of the next step."""
        # By the clock, so that it is larger than those of other programs, which are not read.
        self._last = max(self._last + 1, time.time_ns())
        return self._last

    def add(self, edits: Iterable[ScanEdit]) -> None:
        """Add the edits of a step by scan, or those that undo or redo one."""
        found = list(edits)
        if not found:
            return
        _, first = found[0]
        self._last = max(self._last, first.step)
        if first.undoes:
            _move(first.undoes, self._done, self._undone)
        elif first.redoes:
            _move(first.redoes, self._undone, self._done)
        else:
            self._undone.clear()
            self._done.append(UndoStep(first.step, found, self._classes))


def _latest(steps: list[UndoStep]) -> UndoStep | None:
    while steps and not steps[-1].changes:
        del steps[-1]
    return steps[-1] if steps else None


def _move(number: int, source: list[UndoStep], target: list[UndoStep]) -> None:
    for index in reversed(range(len(source))):
        if source[index].number == number:
            target.append(source.pop(index))
            return
