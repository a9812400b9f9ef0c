"""The hierarchy of classes: which class lies inside which, as pairs of child and parent."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def child_parent_pairs(parents: Sequence[int]) -> list[tuple[int, int]]:
    """List (child, parent), every parent before its own children.

    Parameters
    ----------
    parents : sequence of int
        Index of each class's parent, -1 for none; without cycles.
    """

    def depth(index: int) -> int:
        return 0 if parents[index] < 0 else 1 + depth(parents[index])

    children = [index for index, parent in enumerate(parents) if parent >= 0]
    return [(child, parents[child]) for child in sorted(children, key=depth)]


def cover_children(maps: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Return maps in which each class also covers the classes inside it.

    Parameters
    ----------
    maps : Tensor
        ``(slices, classes, h, w)``, each class on its own.
    pairs : sequence of (int, int)
        From `child_parent_pairs`.
    """
    covering = list(maps.unbind(1))
    for child, parent in reversed(pairs):
        covering[parent] = torch.maximum(covering[parent], covering[child])
    return torch.stack(covering, 1)


def limit_to_parents(maps: NDArray[np.float32], pairs: Sequence[tuple[int, int]]) -> None:
    """Lower the map of each child to that of its parent where it is higher, in place.

    Parameters
    ----------
    maps : ndarray
        ``(classes, ...)`` in 0..1; that of a child is its share inside its parent.
    pairs : sequence of (int, int)
        From `child_parent_pairs`.
    """
    for child, parent in pairs:
        np.minimum(maps[parent], maps[child], out=maps[child])
