"""From CAMs to a mask, step by step."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.masks.exclusive import allowed_slices, exclusive_mask
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.step_kind import StepContext
from napari_mcwss.segmentation.masks.volume_ranges import fitted_thresholds


def make_masks(
    cams: NDArray[np.float32],
    scores: NDArray[np.float32],
    precedence: NDArray[np.bool_],
    settings: MaskSettings,
    spacing: tuple[float, float, float],
    read: Callable[[], NDArray[np.float32]],
    classes: Sequence[str],
) -> list[NDArray[np.uint8]]:
    """Make the mask of a scan, or of some of its slices, before and after each step.

    Parameters
    ----------
    cams : (classes, z, y, x) array of float32
        CAMs in 0..1.
    scores : (slices, classes) array of float32
        Scores in 0..1.
    precedence : (classes, classes) array of bool
        As in `exclusive_mask`.
    settings : MaskSettings
        With tags of the same slices, if any; ranges of volumes are those of all these slices.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    read : callable
        Reads the scan ``(channels, z, y, x)``; called only if a step looks at it.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    list of (z, y, x) array of uint8
        0 background, k + 1 class k: the mask before all steps of the settings, and the mask
        after each of them.
    """
    allowed = allowed_slices(scores, settings.gate, settings.tags)
    thresholds = settings.thresholds_of(classes)
    masks = [exclusive_mask(cams, allowed, precedence=precedence, threshold=thresholds)]
    if settings.volumes:
        ranges = settings.ranges(classes)
        thresholds = fitted_thresholds(cams, allowed, precedence, thresholds, ranges, spacing)
        masks.append(exclusive_mask(cams, allowed, precedence=precedence, threshold=thresholds))
    context = StepContext(cams, allowed, precedence, thresholds, spacing, read)
    for step in settings.steps:
        masks.append(step.apply(masks[-1], context))
    return masks
