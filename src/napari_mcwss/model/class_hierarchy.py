"""Classes that lie inside others: pairs of class and parent, and what a family shares."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def pairs_of(parents: Sequence[int]) -> list[tuple[int, int]]:
    """List (class, parent), every parent before its own children.

    Parameters
    ----------
    parents : sequence of int
        Index of each class's parent, -1 for none; without circles.
    """

    def depth(index: int) -> int:
        return 0 if parents[index] < 0 else 1 + depth(parents[index])

    children = [index for index, parent in enumerate(parents) if parent >= 0]
    return [(child, parents[child]) for child in sorted(children, key=depth)]


def family_maximum(maps: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Let the map ``(slices, classes, h, w)`` of each class cover those of the classes inside it.

    Parameters
    ----------
    maps : Tensor
        Of each class for itself.
    pairs : sequence of (int, int)
        As `pairs_of` gives them.
    """
    found = list(maps.unbind(1))
    for child, parent in reversed(pairs):
        found[parent] = torch.maximum(found[parent], found[child])
    return torch.stack(found, 1)


def nest(maps: NDArray[np.float32], pairs: Sequence[tuple[int, int]]) -> None:
    """Make the map of each child the lesser of its parent's and its own, in place.

    Parameters
    ----------
    maps : ndarray
        ``(classes, ...)`` in 0..1, that of a child its share inside its parent.
    pairs : sequence of (int, int)
        As `pairs_of` gives them.
    """
    for child, parent in pairs:
        np.minimum(maps[parent], maps[child], out=maps[child])
