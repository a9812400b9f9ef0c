"""Distances between the surfaces of two masks, in mm."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.voxel_size import in_mm

FloatTriple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Distances from each surface voxel of one mask to the nearest of the other.

    Attributes
    ----------
    forth, back : ndarray of float32
        In mm, one per surface voxel of the mask and of its reference. A voxel
        belongs to the surface if one of its six neighbours is outside the mask.
    """

    forth: NDArray[np.float32]
    back: NDArray[np.float32]

    def hausdorff(self, percentile: float) -> float:
        """Return a percentile of the Hausdorff distance, the larger of both directions."""
        return float(max(np.percentile(d, percentile) for d in (self.forth, self.back)))

    def mean(self) -> float:
        """Return the average symmetric surface distance: the mean over all surface voxels."""
        return float(np.concatenate([self.forth, self.back]).mean(dtype=np.float64))


def surface_distances(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], spacing: FloatTriple
) -> SurfaceDistances:
    """Measure the distances between the surfaces of a mask and of its reference.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape (z, y, x)
        Two empty masks are 0 mm apart; if one is empty, distances are NaN.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    """
    if not (mask.any() and reference.any()):
        value = math.nan if mask.any() or reference.any() else 0.0
        alone = np.full(1, value, np.float32)
        return SurfaceDistances(alone, alone)
    from scipy.ndimage import binary_erosion

    surface, other = (
        in_mm(np.argwhere(m & ~binary_erosion(m)), spacing) for m in (mask, reference)
    )
    return SurfaceDistances(_nearest(surface, other), _nearest(other, surface))


def _nearest(points: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float32]:
    from scipy.spatial import KDTree

    distances, _ = KDTree(others).query(points)
    return np.asarray(distances, np.float32)
