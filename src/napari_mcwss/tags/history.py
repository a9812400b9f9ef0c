"""What can be taken back and done again, over all scans of a study and across restarts."""

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
    """What a reader did at once, in one scan or several.

    Parameters
    ----------
    number : int
        Later steps have larger ones.
    changes : dict
        Scan to what became another.
    """

    number: int
    changes: dict[str, tuple[Change, ...]] = field(default_factory=dict)


class UndoHistory:
    """The steps of a study in their order: those that count, and those taken back.

    It knows what the journals say, and nothing else: a new step is noted there
    first.

    Parameters
    ----------
    edits : mapping
        Scan to all edits of its journal.

    Attributes
    ----------
    done : list of UndoStep
        Those that count, the latest last.
    undone : list of UndoStep
        Those that can be done again, the next one last.
    """

    def __init__(self, edits: Mapping[str, Sequence[Edit]]) -> None:
        self.done: list[UndoStep] = []
        self.undone: list[UndoStep] = []
        self._last = 0
        known = ((scan, edit) for scan, found in edits.items() for edit in found if edit.step)
        ordered = sorted(known, key=lambda pair: pair[1].step)
        for _, together in groupby(ordered, key=lambda pair: pair[1].step):
            self.note(together)

    def next_number(self) -> int:
        """Give the number of a step that is about to be done."""
        # By the clock, so that programs that do not look at the others' steps come after them.
        self._last = max(self._last + 1, time.time_ns())
        return self._last

    def note(self, edits: Iterable[tuple[str, Edit]]) -> None:
        """Learn of a step, or of one that was taken back or done again.

        Parameters
        ----------
        edits : iterable of (str, Edit)
            Scans, and what was noted of the step in their journals.
        """
        found = list(edits)
        if not found:
            return
        _, first = found[0]
        self._last = max(self._last, first.step)
        if first.undoes:
            _move(first.undoes, self.done, self.undone)
        elif first.redoes:
            _move(first.redoes, self.undone, self.done)
        else:
            self.undone.clear()
            self.done.append(UndoStep(first.step, {scan: edit.changes for scan, edit in found}))


def _move(number: int, source: list[UndoStep], target: list[UndoStep]) -> None:
    for index in reversed(range(len(source))):
        if source[index].number == number:
            target.append(source.pop(index))
            return
