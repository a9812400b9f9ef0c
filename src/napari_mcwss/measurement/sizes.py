"""How large a mask is: volume, diameter and slices."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.measurement.surfaces import FloatTriple
from napari_mcwss.segmentation.masks.regions import bounding_box


@dataclass(frozen=True)
class Size:
    """How large one class is in one scan.

    Attributes
    ----------
    volume_ml : float
    diameter_mm : float
        Longest straight line from edge to edge of a connected region on a slice,
        as radiologists measure lesions; 0 for an empty mask.
    slices : int
        Number of slices that the mask touches.
    """

    volume_ml: float
    diameter_mm: float
    slices: int


def size_of(mask: NDArray[np.bool_], spacing: FloatTriple) -> Size:
    """Measure a mask.

    Parameters
    ----------
    mask : ndarray
        Bool ``(z, y, x)``.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.

    Examples
    --------
    >>> mask = np.zeros((4, 20, 20), bool)
    >>> mask[1:3, 5, 2:12] = True
    >>> size = size_of(mask, (5.0, 1.0, 1.0))
    >>> size.volume_ml, size.diameter_mm, size.slices
    (0.1, 10.0, 2)
    """
    return Size(
        volume_ml=int(np.count_nonzero(mask)) * math.prod(spacing) / 1000,
        diameter_mm=_diameter(mask, spacing[1:]),
        slices=int(mask.any(axis=(1, 2)).sum()),
    )


def volumes_of(mask: NDArray[np.uint8], classes: int, spacing: FloatTriple) -> tuple[float, ...]:
    """Measure the volume of each class of an exclusive mask, fast enough to follow a slider.

    Parameters
    ----------
    mask : ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 class k.
    classes : int
        How many there are.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.

    Returns
    -------
    tuple of float
        In mL.
    """
    part = bounding_box(mask, (0, 0, 0))
    voxel = math.prod(spacing) / 1000
    return tuple(
        0.0 if part is None else int(np.count_nonzero(mask[part] == label)) * voxel
        for label in range(1, classes + 1)
    )


def _diameter(mask: NDArray[np.bool_], spacing: tuple[float, float]) -> float:
    """Return the largest Feret diameter of the pieces on slices, in mm."""
    if not mask.any():
        return 0.0
    from scipy import ndimage
    from skimage.measure import regionprops

    within_slices = np.zeros((3, 3, 3), bool)
    within_slices[1] = True
    pieces, _ = ndimage.label(mask, within_slices)
    boxes = ndimage.find_objects(pieces)
    # No piece is longer than its box's diagonal: few have to be looked at.
    diagonals = [
        math.hypot(
            (rows.stop - rows.start) * spacing[0], (columns.stop - columns.start) * spacing[1]
        )
        for _, rows, columns in boxes
    ]
    longest = 0.0
    for index in np.argsort(diagonals)[::-1]:
        if diagonals[index] <= longest:
            break
        piece = (pieces[boxes[index]] == index + 1)[0]
        (region,) = regionprops(piece.astype(np.uint8), spacing=spacing)
        longest = max(longest, float(region.feret_diameter_max))
    return longest
