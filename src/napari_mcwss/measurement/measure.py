"""Agreement of a mask with a reference mask, in three dimensions and in millimetres.

Measuring is the only place of the project where a reference mask is looked
at; training and segmentation know tags alone.
"""

import math
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.voxel_size import voxel_volume
from napari_mcwss.measurement.surfaces import FloatTriple, surface_distances
from napari_mcwss.segmentation.masks.regions import bounding_box

EMPTY_MASK_POLICY = (
    "Empty masks: where mask and reference are both empty, Dice, sensitivity and precision are 1 "
    "and distances are 0 mm; where one of them is empty, Dice is 0, distances are undefined, and "
    "so is the ratio with nothing to divide by (sensitivity without a reference, precision without "
    "a mask). "
    "Undefined values are left out of the means; a mean over fewer scans says over how many."
)


@dataclass(frozen=True)
class Measurement:
    """How one mask agrees with its reference; NaN stands for undefined.

    Attributes
    ----------
    dice, sensitivity, precision : float
        In 0..1.
    hd95_mm : float
        95th percentile of the Hausdorff distance, the larger of both
        directions, in mm.
    surface_mm : float
        Average symmetric surface distance: the mean over the surface voxels of
        both, in mm.
    volume_ml, reference_ml : float
        Volumes of the mask and of the reference in mL.
    """

    dice: float
    hd95_mm: float
    surface_mm: float
    sensitivity: float
    precision: float
    volume_ml: float
    reference_ml: float

    def to_json(self) -> dict[str, float | None]:
        """Return the values by name, None for undefined ones."""
        return {name: None if math.isnan(v) else v for name, v in asdict(self).items()}


MEASURES = tuple(field.name for field in fields(Measurement))


def measure(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], spacing: FloatTriple | None
) -> Measurement:
    """Compare one mask with its reference.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape (z, y, x)
    spacing : tuple of float or None
        Voxel size (z, y, x) in mm; None if it is not known: distances and volumes are undefined.

    Returns
    -------
    Measurement
        Empty masks are treated as `EMPTY_MASK_POLICY` says.

    Examples
    --------
    >>> mask = np.zeros((4, 8, 8), bool)
    >>> mask[1:3, 2:4, 2:6] = True
    >>> found = measure(mask, np.roll(mask, 1, axis=1), (3.0, 1.0, 1.0))
    >>> found.dice, found.hd95_mm, found.volume_ml
    (0.5, 1.0, 0.048)
    """
    # Voxels outside the joint box change no measure, and distances are many
    # times faster without them.
    box = bounding_box(mask | reference, (0, 0, 0)) or (slice(0),) * 3
    mask, reference = mask[box], reference[box]
    millilitres = math.nan if spacing is None else voxel_volume(spacing) / 1000
    size, reference_size = int(np.count_nonzero(mask)), int(np.count_nonzero(reference))
    both = int(np.count_nonzero(mask & reference))
    ratios = (2 * both, size + reference_size), (both, reference_size), (both, size)
    dice, sensitivity, precision = (_ratio(*r) if size or reference_size else 1.0 for r in ratios)
    hausdorff = surface = math.nan
    if spacing is not None:
        distances = surface_distances(mask, reference, spacing)
        hausdorff, surface = distances.hausdorff(95), distances.mean()
    return Measurement(
        dice=dice,
        hd95_mm=hausdorff,
        surface_mm=surface,
        sensitivity=sensitivity,
        precision=precision,
        volume_ml=size * millilitres,
        reference_ml=reference_size * millilitres,
    )


def _ratio(part: int, whole: int) -> float:
    """Divide in single precision, as all figures so far were made; NaN by zero."""
    return float(np.float32(part) / np.float32(whole)) if whole else math.nan
