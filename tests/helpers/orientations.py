"""All the ways in which a volume may be stored."""

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

SHAPE = (3, 4, 5)

ORIENTATIONS = [
    (axes, signs) for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)
]
"""The 48 of them: for each voxel axis its patient axis, and its direction."""


def affine_of(
    axes: Sequence[int],
    signs: Sequence[int],
    sizes: Sequence[float] = (1.0, 2.0, 3.0),
    origin: Sequence[float] = (-7.0, 11.0, 13.0),
) -> NDArray[np.float64]:
    """Let voxel axis n point along patient axis ``axes[n]`` of right, anterior, superior."""
    affine = np.zeros((4, 4))
    affine[axes, range(3)] = np.multiply(signs, sizes)
    affine[:, 3] = [*origin, 1]
    return affine


def turned(degrees: float, axes: tuple[int, int] = (0, 1)) -> NDArray[np.float64]:
    """Rotate in the plane of two patient axes."""
    angle = np.deg2rad(degrees)
    rotation = np.eye(4)
    rotation[np.ix_(axes, axes)] = [
        [np.cos(angle), -np.sin(angle)],
        [np.sin(angle), np.cos(angle)],
    ]
    return rotation
