"""What a reader does to the tags of a scan at once, each as a table to be taken over.

Every function gives a new table of the same slices and classes, and leaves the
one that it is given as it is.
"""

from __future__ import annotations

import numpy as np

from napari_mcwss.tags.table import Tag, TagTable


def with_tag(table: TagTable, slice_index: int, class_name: str, tag: Tag) -> TagTable:
    """Give one class on one slice a tag.

    Raises
    ------
    McwssError
        If there is no such slice or class.
    """
    changed = table.copy()
    changed.set(slice_index, class_name, tag)
    return changed


def toggled(table: TagTable, slice_index: int, class_name: str) -> TagTable:
    """Go on with one class on one slice: unknown, present, absent, unknown ...

    Raises
    ------
    McwssError
        If there is no such slice or class.
    """
    return with_tag(table, slice_index, class_name, table.get(slice_index, class_name).next)


def with_range(table: TagTable, class_name: str, first: int, last: int) -> TagTable:
    """Tag a class present on a range of slices, and absent on all others.

    Parameters
    ----------
    table : TagTable
        Of the scan.
    class_name : str
        The class.
    first, last : int
        Ends of the range, both in it, in either order.

    Raises
    ------
    McwssError
        If there is no such slice or class.

    Examples
    --------
    >>> table = TagTable.empty(5, ["core"])
    >>> with_range(table, "core", 3, 1).values[:, 0].tolist()
    [0, 1, 1, 1, 0]
    """
    for end in (first, last):
        table.get(end, class_name)
    changed = table.copy()
    column = changed.values[:, table.classes.index(class_name)]
    column[:] = Tag.ABSENT
    column[min(first, last) : max(first, last) + 1] = Tag.PRESENT
    return changed


def present_on(table: TagTable, class_name: str, first: int, last: int) -> TagTable:
    """Tag a class present on a range of slices, both ends in it; all others stay.

    Raises
    ------
    McwssError
        If there is no such slice or class.
    """
    for end in (first, last):
        table.get(end, class_name)
    changed = table.copy()
    changed.values[first : last + 1, table.classes.index(class_name)] = Tag.PRESENT
    return changed


def nowhere(table: TagTable, class_name: str) -> TagTable:
    """Tag a class absent on all slices.

    Raises
    ------
    McwssError
        If there is no such class.
    """
    table.count(class_name)
    changed = table.copy()
    changed.values[:, table.classes.index(class_name)] = Tag.ABSENT
    return changed


def nothing_here(table: TagTable, slice_index: int) -> TagTable:
    """Tag every class absent on a slice."""
    changed = table.copy()
    changed.values[slice_index] = Tag.ABSENT
    return changed


def rest_absent(table: TagTable, slice_index: int) -> TagTable:
    """Tag every class absent that is unknown on a slice."""
    changed = table.copy()
    row = changed.values[slice_index]
    row[row == Tag.UNKNOWN] = Tag.ABSENT
    return changed


def copied_from_previous(table: TagTable, slice_index: int) -> TagTable:
    """Give a slice the tags of the one before; the first slice stays as it is."""
    changed = table.copy()
    changed.values[slice_index] = table.values[max(0, slice_index - 1)]
    return changed


def cleared(table: TagTable, slice_index: int) -> TagTable:
    """Make every class unknown on a slice."""
    changed = table.copy()
    changed.values[slice_index] = Tag.UNKNOWN
    return changed


def next_untagged(table: TagTable, slice_index: int) -> int | None:
    """Find the next slice on which any class is unknown, from the start again after the last.

    Returns
    -------
    int or None
        Its index, the slice itself last; None if all is known.
    """
    open_slices = np.flatnonzero((table.values == Tag.UNKNOWN).any(1))
    if not open_slices.size:
        return None
    later = open_slices[open_slices > slice_index]
    return int(later[0] if later.size else open_slices[0])
