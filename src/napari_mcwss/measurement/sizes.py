"""How large a mask is: volume, diameter and slices."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.voxel_size import voxel_volume
from napari_mcwss.measurement.surfaces import FloatTriple
from napari_mcwss.segmentation.masks.regions import bounding_box


@dataclass(frozen=True)
class Size:
    """How large one class is in one scan.

    Where it is not known how large voxels are, as in pictures, it is measured in pixels.

    Attributes
    ----------
    volume_ml : float or None
    diameter_mm : float or None
        Longest straight line from edge to edge of a connected region on a slice,
        as radiologists measure lesions; 0 for an empty mask.
    slices : int
        Number of slices that the mask touches.
    pixels : int or None
        Area in pixels; None if it is measured in mm.
    diameter_px : float or None
        The diameter in pixels.
    """

    volume_ml: float | None
    diameter_mm: float | None
    slices: int
    pixels: int | None = None
    diameter_px: float | None = None


def size_of(mask: NDArray[np.bool_], spacing: FloatTriple | None) -> Size:
    """Measure a mask.

    Parameters
    ----------
    mask : ndarray
        Bool ``(z, y, x)``.
    spacing : tuple of float or None
        Voxel size (z, y, x) in mm; None if it is not known.

    Examples
    --------
    >>> mask = np.zeros((4, 20, 20), bool)
    >>> mask[1:3, 5, 2:12] = True
    >>> size = size_of(mask, (5.0, 1.0, 1.0))
    >>> size.volume_ml, size.diameter_mm, size.slices
    (0.1, 10.0, 2)
    >>> size = size_of(mask, None)
    >>> size.volume_ml, size.pixels, size.diameter_px
    (None, 20, 10.0)
    """
    slices = int(mask.any(axis=(1, 2)).sum())
    if spacing is None:
        return Size(None, None, slices, int(np.count_nonzero(mask)), _diameter(mask, (1.0, 1.0)))
    return Size(
        volume_ml=int(np.count_nonzero(mask)) * voxel_volume(spacing) / 1000,
        diameter_mm=_diameter(mask, spacing[1:]),
        slices=slices,
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
    voxel = voxel_volume(spacing) / 1000
    return tuple(
        0.0 if part is None else int(np.count_nonzero(mask[part] == label)) * voxel
        for label in range(1, classes + 1)
    )


def amount_text(volume: float, *, in_mm: bool, sign: str = "") -> str:
    """Write a volume of `volumes_of`: in mL or, if voxels count as 1 mm wide, in pixels.

    Parameters
    ----------
    volume : float
        In mL.
    in_mm : bool
        Whether it is known how large voxels are.
    sign : str
        ``+`` writes the sign of positive volumes, too.

    Examples
    --------
    >>> amount_text(12.34, in_mm=True), amount_text(0.25, in_mm=False, sign="+")
    ('12.3 mL', '+250 pixels')
    """
    return f"{volume:{sign}.1f} mL" if in_mm else f"{round(1000 * volume):{sign}d} pixels"


def parse_spacing(text: str) -> FloatTriple:
    """Read a voxel size (z, y, x) in mm, such as ``1,0.2,0.2``.

    Examples
    --------
    >>> parse_spacing("1, 0.2, 0.2")
    (1.0, 0.2, 0.2)
    """
    try:
        z, y, x = map(float, text.split(","))
    except ValueError:
        z = y = x = math.nan
    if not all(math.isfinite(side) and side > 0 for side in (z, y, x)):
        raise McwssError(
            f"{text!r} is no voxel size: expected three numbers above 0 in mm, (z, y, x), such as "
            "1,0.2,0.2"
        )
    return z, y, x


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
