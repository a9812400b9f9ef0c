"""Exclusive masks that follow the scan: a random walk in what is doubtful, and superpixels.

Masks are uint8 ``(z, y, x)``, 0 background, k + 1 class k; the scan is float32
``(channels, z, y, x)``. Every function gives a new mask.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import random_walker, slic

from napari_mcwss.segmentation.masks.exclusive import Thresholds
from napari_mcwss.segmentation.masks.shape import extent, families

Mask = NDArray[np.uint8]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Spacing = tuple[float, float, float]

BETA = 130.0
"""How much an edge hinders the random walk: scikit-image's own default."""

SHORE = 2
"""Voxels of what is sure that take part in the random walk, around what is doubtful."""

COMPACTNESS = 0.05
"""How round superpixels are, for channels scaled to 0..1."""

SEEDS = 0.1
"""Share of each side's voxels that have to be sure: from fewer, a walk would make things up."""

_OUT, _DOUBTFUL, _INSIDE, _OUTSIDE = -1, 0, 1, 2


def random_walk(
    mask: Mask,
    image: Floats,
    cams: Floats,
    precedence: Flags,
    thresholds: Thresholds,
    sure: float,
    spacing: Spacing,
) -> Mask:
    """Let the scan decide where the evidence is doubtful.

    A walker from a doubtful voxel shuns edges of the scan; the voxel goes to
    the side whose seeds it most likely meets first (Grady, *Random walks for
    image segmentation*, IEEE Trans Pattern Anal Mach Intell 2006). Seeds are
    voxels whose evidence for or against a class is sure; what lies away from
    doubt takes no part. The outermost classes are decided first.

    A class is left as it is if too little of it, or of a class that it is
    shown over, is sure.

    Parameters
    ----------
    mask : ndarray
        As made from the CAMs.
    image : ndarray
        The scan, any units.
    cams : ndarray
        Float32 ``(classes, z, y, x)`` in 0..1.
    precedence : ndarray
        Bool ``(classes, classes)``: a is shown over b.
    thresholds : tuple of float
        CAM value of each class that the mask was made with.
    sure : float
        CAM value, above 0.5, from which evidence would be sure at a threshold
        of 0.5, as it would be against the class from 1 minus it on; for other
        thresholds both lie in proportion.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    """
    margin = 2 * sure - 1
    walked = mask.copy()
    for index, family in families(precedence):
        cam, threshold = cams[index], thresholds[index]
        high, low = threshold + margin * (1 - threshold), threshold * (1 - margin)
        losers = np.flatnonzero(precedence[index])
        sides = [cam[family[mask]] >= high, *(cam[mask == loser + 1] <= low for loser in losers)]
        if any(side.size and side.mean() < SEEDS for side in sides):
            continue
        part = extent((cam > low) & (cam < high), (SHORE, SHORE, SHORE))
        if part is None:
            continue
        here, view = cam[part], walked[part]
        inside = _walk(here, low, high, image[(slice(None), *part)], spacing)
        members = family[view]
        loses = np.append([True], precedence[index])
        view[(inside == _INSIDE) & loses[view]] = index + 1
        left = members & (inside == _OUTSIDE)
        view[left] = _beneath(cams[(slice(None), *part)][:, left], losers, thresholds)
    return walked


def _walk(
    cam: Floats, low: float, high: float, image: Floats, spacing: Spacing
) -> NDArray[np.int32]:
    """Give inside or outside where the walk has decided, else another value."""
    labels = np.where(cam >= high, _INSIDE, np.where(cam <= low, _OUTSIDE, _DOUBTFUL))
    doubt = labels == _DOUBTFUL
    labels[~ndimage.binary_dilation(doubt, iterations=SHORE)] = _OUT
    if not (labels == _INSIDE).any() or not (labels == _OUTSIDE).any():
        return np.zeros(cam.shape, np.int32)
    channels = np.stack([_scaled(channel) for channel in image], axis=-1)
    with warnings.catch_warnings():
        # Doubtful pieces that touch no seed are left as they are.
        warnings.simplefilter("ignore")
        found = random_walker(
            channels, labels, beta=BETA, mode="cg_j", spacing=spacing, channel_axis=-1, tol=1e-2
        )
    return np.where(doubt, found, _DOUBTFUL)


def _beneath(cams: Floats, losers: NDArray[np.intp], thresholds: Thresholds) -> NDArray[np.intp]:
    """Give the label of voxels ``(classes, voxels)`` that a class has lost."""
    if not losers.size:
        return np.zeros(cams.shape[1], np.intp)
    reached = [np.where(cams[loser] >= thresholds[loser], cams[loser], -1) for loser in losers]
    return np.where(np.max(reached, axis=0) >= 0, losers[np.argmax(reached, axis=0)] + 1, 0)


def snap_to_superpixels(mask: Mask, image: Floats, size: float, spacing: Spacing) -> Mask:
    """Give each superpixel the label that most of its voxels have.

    Superpixels are those of SLIC (Achanta et al., *SLIC superpixels compared
    to state-of-the-art superpixel methods*, IEEE Trans Pattern Anal Mach Intell
    2012), in three dimensions.

    Parameters
    ----------
    mask : ndarray
        To be snapped.
    image : ndarray
        The scan, any units.
    size : float
        Length in mm of a superpixel's side, about.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    """
    snapped = mask.copy()
    steps = np.ceil(size / np.array(spacing)).astype(int)
    part = extent(mask, (int(steps[0]), int(steps[1]), int(steps[2])))
    if part is None:
        return snapped
    view = mask[part]
    channels = np.stack([_scaled(channel[part]) for channel in image], axis=-1)
    count = max(1, round(view.size * float(np.prod(spacing)) / size**3))
    pieces = slic(
        channels,
        n_segments=count,
        compactness=COMPACTNESS,
        max_num_iter=5,
        spacing=spacing,
        channel_axis=-1,
        start_label=0,
        convert2lab=False,
        enforce_connectivity=False,
    )
    labels = int(view.max()) + 1
    votes = np.bincount(
        pieces.ravel() * labels + view.ravel(), minlength=(pieces.max() + 1) * labels
    )
    winners = votes.reshape(-1, labels).argmax(1).astype(np.uint8)
    snapped[part] = winners[pieces]
    return snapped


def _scaled(channel: Floats) -> Floats:
    """Bring a channel to 0..1, outliers aside: they would make all else alike."""
    low, high = np.percentile(channel, (0.5, 99.5))
    scaled: Floats = ((channel - low) / max(high - low, 1e-6)).clip(0, 1).astype(np.float32)
    return scaled
