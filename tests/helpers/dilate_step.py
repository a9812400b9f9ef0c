"""A kind of step as a developer would add one: classes grow within slices."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_mcwss.segmentation.masks.step_kind import Parameter, StepContext, StepKind


def dilate(mask: NDArray[np.uint8], context: StepContext, size: float) -> NDArray[np.uint8]:
    """Let classes grow into the background by a distance in mm."""
    voxels = round(size / context.spacing[1])
    return np.where(mask == 0, ndimage.grey_dilation(mask, (1, *2 * [2 * voxels + 1])), mask)


DILATE = StepKind(
    "dilate",
    "Dilate",
    "Classes grow into the background",
    dilate,
    Parameter("mm", "distance", 2.0, 1.0, 10.0),
)
