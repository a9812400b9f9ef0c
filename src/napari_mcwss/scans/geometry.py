"""Position of the voxels of a scan in the patient, and their canonical order."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_mcwss.base.voxel_size import ShearedSize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_Voxel = TypeVar("_Voxel", bound=np.generic)

TOLERANCE = 1e-3
"""Largest difference in origin and spacing (mm) and direction (cosine) without a warning."""

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_REVERSED = np.eye(4)[[2, 1, 0, 3]]


@dataclass(frozen=True, eq=False)
class Placement:
    """The fields of a NIfTI header that place its voxels, exactly as they were read.

    A copy of them in another header has the same affine to the last bit, as sform and qform.

    Parameters
    ----------
    version : int
        NIfTI version, 1 or 2; version 2 stores with twice the precision.
    fields : mapping of str to value
        Values by field name.
    """

    version: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Geometry:
    """The grid of a scan, as stored in its file and in canonical order.

    Canonical order is ``(z, y, x)`` with x to the patient's left, y to
    posterior and z to superior. Voxels are flipped and permuted to the nearest
    such order and never resampled, so an oblique scan stays oblique.

    Parameters
    ----------
    source_shape : tuple of int
        Voxels along the axes ``(i, j, k)`` of the file.
    source_affine : (4, 4) array of float64
        From voxel ``(i, j, k)`` of the file to right, anterior, superior in mm.
    placement : Placement, optional
        How the file stores that affine, so that masks are written with the same bits.
    in_mm : bool
        Whether the file says how large voxels are; if not, as with pictures, they count as 1 mm
        wide, and volumes and lengths in mm mean nothing.
    oriented : bool
        Whether the file says in which direction its axes point. If not, what is left and right
        is a guess.

    See Also
    --------
    Geometry.from_source : makes a geometry and replaces unusable affines.

    Examples
    --------
    >>> geometry = Geometry.from_source((240, 200, 30), np.diag([1.0, 1.0, 5.0, 1.0]))
    >>> geometry.shape
    (30, 200, 240)
    >>> geometry.spacing
    (5.0, 1.0, 1.0)
    """

    source_shape: tuple[int, int, int]
    source_affine: NDArray[np.float64]
    placement: Placement | None = None
    in_mm: bool = True
    oriented: bool = True

    @classmethod
    def from_source(
        cls,
        shape: Sequence[int],
        affine: NDArray[Any],
        *,
        spacing: Sequence[float] = (1.0, 1.0, 1.0),
        placement: Placement | None = None,
        in_mm: bool = True,
        oriented: bool = True,
    ) -> Geometry:
        """Describe the grid of a file.

        Parameters
        ----------
        shape : sequence of 3 int
            Voxels along the file's axes ``(i, j, k)``.
        affine : (4, 4) array
            From voxel to right, anterior, superior in mm. A singular affine, or one with NaN,
            is replaced by `spacing` in canonical order, with a warning.
        spacing : sequence of 3 float, optional
            Voxel sizes in mm along ``(i, j, k)``, for unusable affines.
        placement : Placement, optional
            Header fields to write back.
        in_mm : bool
            Whether the file says how large voxels are.
        oriented : bool
            Whether the file says in which direction its axes point.

        Returns
        -------
        Geometry
            The grid.
        """
        i, j, k = (int(size) for size in shape)
        matrix = np.array(affine, dtype=np.float64)
        if not is_usable(matrix):
            sizes = [abs(s) if np.isfinite(s) and s else 1.0 for s in map(float, spacing)]
            warnings.warn(
                "the affine cannot place voxels in space "
                f"({np.array2string(matrix[:3], precision=3, separator=', ').replace(chr(10), '')}"
                f"): voxel sizes of {sizes} mm are used alone",
                stacklevel=2,
            )
            matrix = _LPS_FROM_RAS @ np.diag([*sizes, 1.0])
            oriented = False
        matrix.flags.writeable = False
        return cls((i, j, k), matrix, placement, in_mm, oriented)

    @classmethod
    def canonical(cls, shape: Sequence[int], spacing: Sequence[float]) -> Geometry:
        """Describe the grid of an array in canonical order.

        Parameters
        ----------
        shape : sequence of 3 int
            Voxels along (z, y, x).
        spacing : sequence of 3 float
            Voxel sizes in mm along (z, y, x).

        Returns
        -------
        Geometry
            The grid; voxel 0 lies at the origin.

        Examples
        --------
        >>> geometry = Geometry.canonical((30, 200, 240), (5, 1, 1))
        >>> geometry.shape, geometry.spacing
        ((30, 200, 240), (5.0, 1.0, 1.0))
        """
        return cls.from_source(shape[::-1], _LPS_FROM_RAS @ np.diag([*spacing[::-1], 1.0]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels in canonical order ``(z, y, x)``."""
        z, y, x = (self.source_shape[axis] for axis in self._order[0])
        return (z, y, x)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres in mm, in canonical order ``(z, y, x)``.

        A `ShearedSize` if the axes are not at right angles.
        """
        if self.is_sheared:
            return ShearedSize(self.affine[:3, :3])
        lengths = np.linalg.norm(self.source_affine[:3, :3], axis=0)
        z, y, x = (float(lengths[axis]) for axis in self._order[0])
        return (z, y, x)

    @cached_property
    def is_sheared(self) -> bool:
        """Whether the axes are not at right angles, as of a CT with a tilted gantry."""
        axes = self.source_affine[:3, :3] / np.linalg.norm(self.source_affine[:3, :3], axis=0)
        return bool(np.abs(axes.T @ axes - np.eye(3)).max() > TOLERANCE)

    @cached_property
    def affine(self) -> NDArray[np.float64]:
        """The ``(4, 4)`` matrix from voxel ``(z, y, x)`` to superior, posterior, left in mm.

        If the scan is not oblique, its spacing is on the diagonal; the last column is the
        position of voxel 0.
        """
        axes, flipped = self._order
        source_from_canonical = np.zeros((4, 4))
        source_from_canonical[3, 3] = 1.0
        for canonical, (axis, flip) in enumerate(zip(axes, flipped, strict=True)):
            source_from_canonical[axis, canonical] = -1.0 if flip else 1.0
            source_from_canonical[axis, 3] = self.source_shape[axis] - 1 if flip else 0.0
        matrix = _REVERSED @ _LPS_FROM_RAS @ self.source_affine @ source_from_canonical
        matrix.flags.writeable = False
        return matrix

    def to_canonical(self, array: NDArray[_Voxel]) -> NDArray[_Voxel]:
        """Order a file's voxels canonically.

        Parameters
        ----------
        array : (..., i, j, k) array
            Voxels as stored; leading axes are kept.

        Returns
        -------
        (..., z, y, x) array
            A view of `array`.

        Raises
        ------
        ValueError
            If the last three axes are not of the source shape.
        """
        self._check(array, self.source_shape)
        axes, flipped = self._order
        leading = array.ndim - 3
        ordered = array.transpose(*range(leading), *(leading + axis for axis in axes))
        return np.flip(ordered, _from_the_end(flipped))

    def to_source(self, array: NDArray[_Voxel]) -> NDArray[_Voxel]:
        """Put canonical voxels back in the file's order: the exact inverse of `to_canonical`.

        Parameters
        ----------
        array : (..., z, y, x) array
            Voxels in canonical order; leading axes are kept.

        Returns
        -------
        (..., i, j, k) array
            A view of `array`.

        Raises
        ------
        ValueError
            If the last three axes are not of the canonical shape.
        """
        self._check(array, self.shape)
        axes, flipped = self._order
        leading = array.ndim - 3
        unflipped = np.flip(array, _from_the_end(flipped))
        back = (leading + axes.index(axis) for axis in range(3))
        return unflipped.transpose(*range(leading), *back)

    def differs_from(self, other: Geometry) -> str | None:
        """Describe how the position of another grid differs.

        Parameters
        ----------
        other : Geometry
            A grid of the same canonical shape.

        Returns
        -------
        str or None
            Values of origin, direction and spacing that differ by more than `TOLERANCE`; None
            if there are none.
        """
        mine, theirs = self.affine, other.affine
        sizes, other_sizes = np.array(self.spacing), np.array(other.spacing)
        pairs = {
            "origin": (mine[:3, 3], theirs[:3, 3]),
            "direction": (mine[:3, :3] / sizes, theirs[:3, :3] / other_sizes),
            "spacing": (sizes, other_sizes),
        }
        differences = [
            f"{what} (z, y, x) {_numbers(a)} against {_numbers(b)}"
            for what, (a, b) in pairs.items()
            if np.abs(a - b).max() > TOLERANCE
        ]
        return "; ".join(differences) or None

    @property
    def is_canonical(self) -> bool:
        """Whether the file has its voxels in canonical order, from its axis k to i."""
        return self._order == ((2, 1, 0), (False, False, False))

    def is_mirrored_to(self, other: Geometry) -> bool:
        """Tell whether canonical order may flip or permute another grid against this one.

        It does if one file says in which direction its axes point and the other does not, and
        the guess for the latter is another direction.
        """
        return self.oriented != other.oriented and self._order != other._order

    @cached_property
    def _order(self) -> tuple[tuple[int, ...], tuple[bool, ...]]:
        """Axis in the file of each canonical axis (z, y, x), and whether it is flipped."""
        columns = (_LPS_FROM_RAS @ self.source_affine)[:3, :3]
        directions = (columns / np.linalg.norm(columns, axis=0))[::-1]

        def alignment(axes: tuple[int, ...]) -> float:
            # Rounded, so that rounding errors do not decide the order at 45 degrees.
            return round(sum(abs(float(directions[row, axis])) for row, axis in enumerate(axes)), 6)

        axes = max(permutations((2, 1, 0)), key=alignment)
        return axes, tuple(bool(directions[row, axis] < 0) for row, axis in enumerate(axes))

    @staticmethod
    def _check(array: NDArray[Any], shape: tuple[int, int, int]) -> None:
        if array.shape[-3:] != shape:
            raise ValueError(f"array of shape {array.shape} where (..., {shape}) is expected")


def is_usable(affine: NDArray[np.float64]) -> bool:
    """Tell whether an affine spans a volume."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        return False
    with np.errstate(over="ignore", under="ignore"):
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
    # Beyond float32, which NIfTI has, products overflow.
    if not (lengths > 1e-30).all() or not (lengths < 1e30).all():
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-6)


def _from_the_end(flipped: tuple[bool, ...]) -> tuple[int, ...]:
    """Return the flipped axes, counted from the end."""
    return tuple(axis - 3 for axis, flip in enumerate(flipped) if flip)


def _numbers(values: NDArray[np.float64]) -> str:
    return np.array2string(values.round(4), separator=", ").replace("\n", "")
