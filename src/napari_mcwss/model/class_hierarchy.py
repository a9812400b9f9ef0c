"""The hierarchy of classes: which class lies inside which, as pairs of child and parent."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def child_parent_pairs(parents: Sequence[int]) -> list[tuple[int, int]]:
    """List (child, parent), every parent before its own children.

    Entries are the index of each class's parent, -1 for none; without cycles.
    """

    def depth(index: int) -> int:
        return 0 if parents[index] < 0 else 1 + depth(parents[index])

    children = [index for index, parent in enumerate(parents) if parent >= 0]
    return [(child, parents[child]) for child in sorted(children, key=depth)]


def cover_children(maps: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Return maps ``(slices, classes, h, w)`` in which each class also covers those inside it."""
    covering = list(maps.unbind(1))
    for child, parent in reversed(pairs):
        covering[parent] = torch.maximum(covering[parent], covering[child])
    return torch.stack(covering, 1)


def limit_to_parents(maps: NDArray[np.float32], pairs: Sequence[tuple[int, int]]) -> None:
    """Lower the map of each child to that of its parent where it is higher, in place.

    Maps are ``(classes, ...)`` in 0..1; that of a child is its share inside its parent.
    """
    for child, parent in pairs:
        np.minimum(maps[parent], maps[child], out=maps[child])
