"""The steps that can be undone and redone, over all scans of a study and across restarts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_mcwss.tags.changes import Change
    from napari_mcwss.tags.journal import Edit


@dataclass
class UndoStep:
    """The changes that a reader made at once, by scan; the number increases with each step."""

    number: int
    changes: dict[str, tuple[Change, ...]] = field(default_factory=dict)


class UndoHistory:
    """The steps of a study in their order, from all edits of its journals by scan.

    Attributes
    ----------
    done : list of UndoStep
        Steps that `TagStore.undo` can undo, the latest last.
    undone : list of UndoStep
        Steps that `TagStore.redo` can redo, the next one last.
    """

    def __init__(self, edits: Mapping[str, Sequence[Edit]]) -> None:
        self.done: list[UndoStep] = []
        self.undone: list[UndoStep] = []
        self._last = 0
        known = ((scan, edit) for scan, found in edits.items() for edit in found if edit.step)
        ordered = sorted(known, key=lambda pair: pair[1].step)
        for _, together in groupby(ordered, key=lambda pair: pair[1].step):
            self.add(together)

    def next_number(self) -> int:
        """Return the number of the next step."""
        # By the clock, so that it is larger than those of other programs, which are not read.
        self._last = max(self._last + 1, time.time_ns())
        return self._last

    def add(self, edits: Iterable[tuple[str, Edit]]) -> None:
        """Add the edits of a step by scan, or those that undo or redo one."""
        found = list(edits)
        if not found:
            return
        _, first = found[0]
        self._last = max(self._last, first.step)
        if first.undoes:
            _move(first.undoes, self.done, self.undone)
        elif first.redoes:
            _move(first.redoes, self.undone, self.done)
        elif changes := {scan: edit.changes for scan, edit in found if edit.changes}:
            self.undone.clear()
            self.done.append(UndoStep(first.step, changes))


def _move(number: int, source: list[UndoStep], target: list[UndoStep]) -> None:
    for index in reversed(range(len(source))):
        if source[index].number == number:
            target.append(source.pop(index))
            return
