"""Smooth borders from slice to slice."""

import numpy as np

from napari_mcwss.segmentation.masks.regions import Mask, bounding_box
from napari_mcwss.segmentation.masks.step_kind import Parameter, StepContext, StepKind

REACH = 4.0
"""Standard deviations at which the Gaussian is cut off."""


def smooth_across(mask: Mask, context: StepContext, deviation: float) -> Mask:
    """Smooth the share of each label along z with a Gaussian of a standard deviation in mm.

    The voxel gets the label with the largest share, and keeps its own label in a tie.
    """
    from scipy import ndimage

    sigma = deviation / context.spacing[0]
    smooth = mask.copy()
    part = bounding_box(mask, (int(np.ceil(REACH * sigma)), 0, 0))
    if part is None:
        return smooth
    view = mask[part]
    # The end slices are repeated beyond the scan.
    shares = [
        ndimage.gaussian_filter1d(
            (view == label).astype(np.float32), sigma, axis=0, mode="nearest", truncate=REACH
        )
        for label in range(len(context.cams) + 1)
    ]
    most = np.maximum.reduce(shares)
    own = np.choose(view, shares)
    smooth[part] = np.where(own >= most - 1e-6, view, np.argmax(shares, axis=0))
    return smooth


SMOOTH = StepKind(
    "smooth",
    "Smooth across slices",
    "Borders that jump from slice to slice become even",
    smooth_across,
    Parameter("mm", "standard deviation across slices", 2.0, 0.5, 20.0),
)
