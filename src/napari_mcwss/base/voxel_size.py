"""Sizes of voxels whose axes need not be at right angles, as of a CT with a tilted gantry."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class ShearedSize(tuple[float, float, float]):
    """Distances between voxel centres along (z, y, x) in mm, of axes that are not at right angles.

    Parameters
    ----------
    axes : (3, 3) array
        From voxel (z, y, x) to mm.

    Examples
    --------
    >>> size = ShearedSize(np.array([[2.0, 0, 0], [0, 1, 0.75], [0, 0, 1]]))
    >>> size
    (2.0, 1.0, 1.25)
    >>> voxel_volume(size)
    2.0
    """

    axes: NDArray[np.float64]

    def __new__(cls, axes: NDArray[np.float64]) -> ShearedSize:
        """Make a tuple of the lengths of the axes, which remembers the axes."""
        made = super().__new__(cls, map(float, np.linalg.norm(axes, axis=0)))
        made.axes = axes
        return made

    def __getnewargs__(self) -> tuple[NDArray[np.float64]]:
        return (self.axes,)


def voxel_volume(spacing: Sequence[float]) -> float:
    """Return the volume of a voxel in mm³."""
    if isinstance(spacing, ShearedSize):
        return abs(float(np.linalg.det(spacing.axes)))
    return math.prod(spacing)


def in_mm(indices: NDArray[np.integer], spacing: Sequence[float]) -> NDArray[np.float64]:
    """Return the positions in mm of voxels, ``(..., 3)`` indices (z, y, x)."""
    if isinstance(spacing, ShearedSize):
        return np.asarray(indices @ spacing.axes.T)
    return np.asarray(indices * spacing)
