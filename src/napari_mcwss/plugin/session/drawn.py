"""The marks on a corrected mask, and which of them still hold."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.strokes.stroke import Mark, Stroke

if TYPE_CHECKING:
    from napari_mcwss.segmentation.strokes.mending import Patch


class _Drawn(NamedTuple):
    """A mark, a voxel that it has changed, and the label there; no voxel if it changed none."""

    mark: Mark
    voxel: tuple[int, ...] | None
    label: int


class DrawnMarks:
    """Marks in the order in which they were drawn.

    The layer's own history undoes and redoes what they did, and the brush can paint over it: a
    mark holds as long as the mask does what it says.
    """

    def __init__(self) -> None:
        self._drawn: list[_Drawn] = []

    def read(self, marks: Sequence[Mark], labels: NDArray[np.uint8]) -> None:
        """Take over the marks that were stored with a mask."""
        self._drawn = []
        for mark in marks:
            voxel, label = None, 0
            if isinstance(mark, Stroke) and _is_in(mark.path[0], labels.shape):
                voxel, label = mark.path[0], int(labels[mark.path[0]])
            self._drawn.append(_Drawn(mark, voxel, label))

    def add(self, mark: Mark, patch: "Patch | None") -> None:
        """Note a mark, and what it has changed."""
        voxel, label = None, 0
        if patch is not None:
            voxel = tuple(int(axis[0]) for axis in patch.voxels)
            label = int(patch.labels[0])
        self._drawn.append(_Drawn(mark, voxel, label))

    def holding(self, labels: NDArray[np.integer]) -> tuple[Mark, ...]:
        """Return the marks that hold in a mask."""
        return tuple(_holding(self._drawn, labels))


def _is_in(voxel: Sequence[int], shape: Sequence[int]) -> bool:
    return all(0 <= index < size for index, size in zip(voxel, shape, strict=True))


def _holding(drawn: Iterable[_Drawn], labels: NDArray[np.integer]) -> Iterable[Mark]:
    for mark, voxel, label in drawn:
        if voxel is None or labels[voxel] == label:
            yield mark
