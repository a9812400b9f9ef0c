"""Tags from masks, and the plan of an import.

Masks are used for an import only; training never sees one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.tags.agreement import disagreements
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def tags_from_mask(mask: NDArray[np.integer], mapping: Mapping[str, Sequence[int]]) -> TagTable:
    """Tag a class present where a slice holds at least one voxel of its values, else absent.

    Parameters
    ----------
    mask : (z, y, x) array of int
        A mask in canonical order.
    mapping : mapping of str to sequence of int
        Class name to its values in the mask; the table has these classes.

    Examples
    --------
    >>> mask = np.array([[[0, 0]], [[0, 2]], [[1, 2]]])
    >>> tags_from_mask(mask, {"core": [1], "any": [1, 2]}).values.tolist()
    [[0, 0], [0, 1], [1, 1]]
    """
    table = TagTable.empty(len(mask), tuple(mapping))
    for column, values in enumerate(mapping.values()):
        table.values[:, column] = np.isin(mask, values).any(axis=(1, 2))
    return table


@dataclass(frozen=True)
class Conflict:
    """A tag that is known in the study and in an import, and differs."""

    scan: str
    slice_index: int
    class_name: str
    current: Tag
    imported: Tag

    def __str__(self) -> str:
        return (
            f"{self.scan}, slice {self.slice_index}, {self.class_name}: "
            f"{self.current.name.lower()} in the study, {self.imported.name.lower()} in the import"
        )


@dataclass(frozen=True)
class ImportCounts:
    """Numbers of tags of an import.

    Parameters
    ----------
    new : int
        Tags that are known only in the import.
    conflicting : int
        Tags that are known in both, and differ.
    unchanged : int
        Tags that are known in both, and equal.
    """

    new: int
    conflicting: int
    unchanged: int


class ImportPlan:
    """The changes of an import before it is made; tags that it does not know stay as they are.

    Parameters
    ----------
    current : mapping of str to TagTable
        The tags of the study, for each scan of the import.
    imported : mapping of str to TagTable
        The tags to take over, of the same slices and classes.
    """

    def __init__(self, current: Mapping[str, TagTable], imported: Mapping[str, TagTable]) -> None:
        self.current = current
        self.imported = imported

    def counts(self, class_name: str | None = None) -> ImportCounts:
        """Count the tags of one class, or of all, over all scans of the import."""
        new = conflicting = unchanged = 0
        for scan, table in self.current.items():
            of_class = slice(None) if class_name is None else table.classes.index(class_name)
            here, there = table.values[:, of_class], self.imported[scan].values[:, of_class]
            known, told = here != Tag.UNKNOWN, there != Tag.UNKNOWN
            new += int((~known & told).sum())
            conflicting += int((known & told & (here != there)).sum())
            unchanged += int((known & (here == there)).sum())
        return ImportCounts(new, conflicting, unchanged)

    @property
    def conflicts(self) -> list[Conflict]:
        """Tags that are known in both and differ, in the order of scans and slices."""
        return [
            Conflict(
                scan,
                row,
                here.classes[column],
                Tag(int(here.values[row, column])),
                Tag(int(self.imported[scan].values[row, column])),
            )
            for scan, here in self.current.items()
            for row, column in np.argwhere(disagreements(here, self.imported[scan])).tolist()
        ]

    def result(self, *, overwrite: bool) -> dict[str, TagTable]:
        """Return copies of the tables that the import changes, as they are after it.

        Where tags conflict, those of the study stay unless `overwrite` is true.
        """
        results = {}
        for scan, here in self.current.items():
            table = here.copy()
            table.update(self.imported[scan])
            if not overwrite:
                known = here.values != Tag.UNKNOWN
                table.values[known] = here.values[known]
            if (table.values != here.values).any():
                results[scan] = table
        return results
