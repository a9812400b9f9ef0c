"""What a reader does to the tags of a scan at once, each as a list of changes.

No function changes the table that it is given, and none lists a tag that stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


def _changes(
    table: TagTable, slices: Sequence[int], classes: Sequence[str], tags: ArrayLike
) -> list[Change]:
    """List the changes that give classes on slices tags, ``(slices, classes)`` or one for all."""
    wanted = np.broadcast_to(tags, (len(slices), len(classes)))
    return [
        Change(index, name, Tag(int(tag)), previous)
        for index, row in zip(slices, wanted, strict=True)
        for name, tag in zip(classes, row, strict=True)
        if (previous := table.get(index, name)) != tag
    ]


def set_tag(table: TagTable, slice_index: int, class_name: str, tag: Tag) -> list[Change]:
    """Give one class on one slice a tag."""
    return _changes(table, [slice_index], [class_name], tag)


def set_range(table: TagTable, class_name: str, first: int, last: int) -> list[Change]:
    """Tag a class present from one slice to another, in either order, and absent on all others.

    Examples
    --------
    >>> table = TagTable.empty(5, ["core"])
    >>> [int(change.tag) for change in set_range(table, "core", 3, 1)]
    [0, 1, 1, 1, 0]
    """
    for end in (first, last):
        table.get(end, class_name)
    tags = np.full((len(table.values), 1), Tag.ABSENT)
    tags[min(first, last) : max(first, last) + 1] = Tag.PRESENT
    return _changes(table, range(len(tags)), [class_name], tags)


def set_present(table: TagTable, class_name: str, first: int, last: int) -> list[Change]:
    """Tag a class present from the first to the last slice; all others stay."""
    for end in (first, last):
        table.get(end, class_name)
    return _changes(table, range(first, last + 1), [class_name], Tag.PRESENT)


def set_absent_everywhere(table: TagTable, class_name: str) -> list[Change]:
    """Tag a class absent on all slices."""
    return _changes(table, range(len(table.values)), [class_name], Tag.ABSENT)


def set_all_absent(table: TagTable, slice_index: int) -> list[Change]:
    """Tag every class absent on a slice."""
    return _changes(table, [slice_index], table.classes, Tag.ABSENT)


def set_rest_absent(table: TagTable, slice_index: int) -> list[Change]:
    """Tag every class absent that is unknown on a slice."""
    row = table.values[slice_index]
    return _changes(
        table, [slice_index], table.classes, np.where(row == Tag.UNKNOWN, Tag.ABSENT, row)
    )


def copy_previous(table: TagTable, slice_index: int) -> list[Change]:
    """Give a slice the tags of the one before; the first slice stays as it is."""
    return _changes(table, [slice_index], table.classes, table.values[max(0, slice_index - 1)])


def clear(table: TagTable, slice_index: int) -> list[Change]:
    """Make every class unknown on a slice."""
    return _changes(table, [slice_index], table.classes, Tag.UNKNOWN)


def next_untagged(table: TagTable, slice_index: int) -> int | None:
    """Find the next slice with an unknown class, from the first again after the last, if any."""
    unknown = np.flatnonzero((table.values == Tag.UNKNOWN).any(1))
    if not unknown.size:
        return None
    later = unknown[unknown > slice_index]
    return int(later[0] if later.size else unknown[0])
