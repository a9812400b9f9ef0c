"""Distances between the surfaces of two masks, in mm."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatTriple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """From each surface voxel of one mask to the nearest of the other.

    Attributes
    ----------
    forth, back : ndarray
        Float32, one a surface voxel of the mask and of its reference, in mm. A
        voxel is of the surface if one of its six neighbours is not of the mask.
    """

    forth: NDArray[np.float32]
    back: NDArray[np.float32]

    def hausdorff(self, percentile: float) -> float:
        """Return the Hausdorff distance of a percentile, the larger of both directions."""
        return float(max(np.percentile(d, percentile) for d in (self.forth, self.back)))

    def mean(self) -> float:
        """Return the average symmetric surface distance: the mean over all surface voxels."""
        return float(np.concatenate([self.forth, self.back]).mean(dtype=np.float64))


def surface_distances(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], spacing: FloatTriple
) -> SurfaceDistances:
    """Measure from the surface of a mask to that of its reference, and back.

    Parameters
    ----------
    mask, reference : ndarray
        Bool ``(z, y, x)``, of one shape. Two empty ones are 0 mm apart; where
        one is empty, distances are undefined, NaN.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    """
    if not (mask.any() and reference.any()):
        value = math.nan if mask.any() or reference.any() else 0.0
        alone = np.full(1, value, np.float32)
        return SurfaceDistances(alone, alone)
    import torch
    from monai.metrics.utils import get_edge_surface_distance

    with warnings.catch_warnings():
        # MONAI 1.6 calls one of its own functions in a way that it warns about.
        warnings.filterwarnings("ignore", "monai.metrics.utils get_mask_edges", FutureWarning)
        _, (forth, back), _ = get_edge_surface_distance(
            torch.from_numpy(mask), torch.from_numpy(reference), spacing=spacing, symmetric=True
        )
    return SurfaceDistances(forth.numpy(), back.numpy())
