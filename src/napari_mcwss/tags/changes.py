"""Changes of tags, which the screen passes to the journal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Change:
    """A change of one tag from `previous` to `tag`."""

    slice_index: int
    class_name: str
    tag: Tag
    previous: Tag

    @property
    def reversed(self) -> Change:
        """The change that takes this one back."""
        return replace(self, tag=self.previous, previous=self.tag)


def changes_between(old: TagTable, new: TagTable) -> list[Change]:
    """List the changes between two tables of one scan, in the order of slices, then classes."""
    return [
        Change(
            int(row),
            old.classes[column],
            Tag(int(new.values[row, column])),
            Tag(int(old.values[row, column])),
        )
        for row, column in zip(*(new.values != old.values).nonzero(), strict=True)
    ]


def with_changes(table: TagTable, changes: Iterable[Change]) -> TagTable:
    """Return a copy of a table in which changes are made."""
    changed = table.copy()
    for change in changes:
        changed.set(change.slice_index, change.class_name, change.tag)
    return changed
