"""A box of a scan on a coarser grid, and the way back to voxels."""

from dataclasses import dataclass
from types import EllipsisType

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """Blocks of voxels in a box of a scan.

    Attributes
    ----------
    part : tuple of slice
        The box.
    step : tuple of int
        Voxels in a block along each axis; blocks at the far end of the box can be incomplete.
    """

    part: tuple[slice, slice, slice]
    step: tuple[int, int, int]

    @property
    def fine(self) -> bool:
        """Whether each block is a voxel."""
        return self.step == (1, 1, 1)

    def mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the means over blocks of values ``(..., z, y, x)`` in the box."""
        if self.fine:
            return values
        missing = [-size % step for size, step in zip(values.shape[-3:], self.step, strict=True)]
        width = [(0, 0)] * (values.ndim - 3) + [(0, more) for more in missing]
        mean = np.pad(values, width, mode="edge") if any(missing) else values
        for axis, step in zip((-3, -2, -1), self.step, strict=True):
            # Sums of whole slices take a fraction of the time of a mean over several axes.
            mean = _sum([mean[_every(axis, first, step)] for first in range(step)])
            mean /= np.float32(step)
        return mean

    def voxels(
        self, values: NDArray[np.float32], where: tuple[slice, ...]
    ) -> tuple[tuple[slice, ...], NDArray[np.float32]]:
        """Interpolate values of some blocks ``(z, y, x)``, and say in which part of the box."""
        from scipy.ndimage import zoom

        sides = zip(self.part, where, self.step, strict=True)
        part = tuple(
            slice(few.start * step, min(few.stop * step, side.stop - side.start))
            for side, few, step in sides
        )
        found = zoom(values[where], self.step, order=1, grid_mode=True, mode="nearest")
        return part, found[tuple(slice(0, side.stop - side.start) for side in part)]


def _sum(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def _every(axis: int, first: int, step: int) -> tuple[EllipsisType | slice, ...]:
    return (..., slice(first, None, step), *(slice(None),) * (-1 - axis))


def grid_around(
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    margin: float,
    block: float,
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
) -> Grid:
    """Lay a grid around voxels from `low` to `high`, both included.

    Parameters
    ----------
    margin : float
        Distance in mm from these voxels to the sides of the box.
    block : float
        Size of a block in mm, as far as voxels are smaller.
    """
    sides, steps = [], []
    for first, last, size, voxel in zip(low, high, shape, spacing, strict=True):
        more = int(np.ceil(margin / voxel))
        sides.append(slice(max(0, int(first) - more), min(size, int(last) + 1 + more)))
        steps.append(max(1, round(block / voxel)))
    return Grid((sides[0], sides[1], sides[2]), (steps[0], steps[1], steps[2]))
