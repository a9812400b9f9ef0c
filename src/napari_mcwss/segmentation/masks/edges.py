"""Follow the edges of the scan where the evidence is doubtful."""

import warnings

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.masks.regions import (
    Mask,
    bounding_box,
    labels_beneath,
    nested_labels,
)
from napari_mcwss.segmentation.masks.step_kind import Parameter, StepContext, StepKind

Floats = NDArray[np.float32]

BETA = 130.0
"""How much an edge hinders the random walk: scikit-image's own default."""

SHORE = 2
"""Width in voxels of the sure region around doubtful voxels that takes part in the walk."""

SEEDS = 0.1
"""Smallest share of each side's voxels that must be sure: fewer seeds would mislead the walk."""

_OUT, _DOUBTFUL, _INSIDE, _OUTSIDE = -1, 0, 1, 2


def random_walk(mask: Mask, context: StepContext, sure: float) -> Mask:
    """Let a random walk on the scan decide where the evidence is doubtful.

    A walker from a doubtful voxel avoids edges of the scan; the voxel goes to the side whose
    seeds it most likely meets first (Grady, *Random walks for image segmentation*, IEEE Trans
    Pattern Anal Mach Intell 2006). Seeds are voxels whose evidence for or against a class is
    sure. The outermost classes are decided first. A class is left as it is if too little of
    it, or of a class that it is shown over, is sure.

    Parameters
    ----------
    mask : (z, y, x) array of uint8
        The mask as made from the CAMs.
    context : StepContext
        With the scan, the CAMs and their thresholds.
    sure : float
        CAM value above 0.5 from which evidence is sure at a threshold of 0.5; evidence
        against the class is sure up to ``1 - sure``. For other thresholds both lie in
        proportion.
    """
    cams, precedence, thresholds = context.cams, context.precedence, context.thresholds
    margin = 2 * sure - 1
    walked = mask.copy()
    for index, labels in nested_labels(precedence):
        cam, threshold = cams[index], thresholds[index]
        high, low = threshold + margin * (1 - threshold), threshold * (1 - margin)
        losers = np.flatnonzero(precedence[index])
        sides = [cam[labels[mask]] >= high, *(cam[mask == loser + 1] <= low for loser in losers)]
        if any(side.size and side.mean() < SEEDS for side in sides):
            continue
        part = bounding_box((cam > low) & (cam < high), (SHORE, SHORE, SHORE))
        if part is None:
            continue
        view = walked[part]
        inside = _walk(cam[part], low, high, context, part)
        members = labels[view]
        loses = np.append([True], precedence[index])
        view[(inside == _INSIDE) & loses[view]] = index + 1
        left = members & (inside == _OUTSIDE)
        view[left] = labels_beneath(cams[(slice(None), *part)][:, left], losers, thresholds)
    return walked


def _walk(
    cam: Floats, low: float, high: float, context: StepContext, part: tuple[slice, ...]
) -> NDArray[np.int32]:
    """Return inside or outside where the walk has decided, else another value."""
    from scipy import ndimage
    from skimage.segmentation import random_walker

    labels = np.where(cam >= high, _INSIDE, np.where(cam <= low, _OUTSIDE, _DOUBTFUL))
    doubt = labels == _DOUBTFUL
    labels[~ndimage.binary_dilation(doubt, iterations=SHORE)] = _OUT
    if not (labels == _INSIDE).any() or not (labels == _OUTSIDE).any():
        return np.zeros(cam.shape, np.int32)
    with warnings.catch_warnings():
        # Doubtful pieces that touch no seed are left as they are.
        warnings.simplefilter("ignore")
        found = random_walker(
            context.scaled_image(part),
            labels,
            beta=BETA,
            mode="cg_j",
            spacing=context.spacing,
            channel_axis=-1,
            tol=1e-2,
        )
    return np.where(doubt, found, _DOUBTFUL)


EDGES = StepKind(
    "edges",
    "Follow edges",
    "Where the evidence is doubtful, a random walk on the scan decides, from voxels that are sure",
    random_walk,
    Parameter("", "evidence that counts as sure", 0.6, 0.5, 0.99),
)
