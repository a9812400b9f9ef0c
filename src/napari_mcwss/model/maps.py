"""Evidence maps of each level from logits, and one CAM per class from these."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.network import DEEPEST_STRIDE

SHARPNESS = 20.0
"""Sharpness of the smooth maximum: 0 gives the mean, infinity the maximum."""


def evidence(logits: Tensor) -> Tensor:
    """Return evidence maps: the log-odds of present against absent.

    Parameters
    ----------
    logits : Tensor
        ``(slices, classes, 2, h, w)``: absent, present.

    Returns
    -------
    Tensor
        ``(slices, classes, h, w)``, any real value; 0 is undecided.
    """
    return logits[:, :, 1] - logits[:, :, 0]


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Upsample the maps of one level to the size of the slice.

    Networks pad slices to a multiple of 16, and the maps cover the padded slice:
    they are scaled by the stride of the level, then the padding is cut off.

    Parameters
    ----------
    maps : Tensor
        ``(slices, classes, h, w)`` of any level.
    size : tuple of int
        Height and width of the slice before padding.
    """
    height, width = size
    padded = (height + -height % DEEPEST_STRIDE, width + -width % DEEPEST_STRIDE)
    return F.interpolate(maps, padded, mode="bilinear")[..., :height, :width]


def fuse(levels: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Fuse the evidence of all levels to one CAM per class.

    The logistic function scales each level to 0..1 without reference to the
    extremes of the slice: a slice without evidence stays dark. As in the paper,
    the CAM is the product of the levels.

    Parameters
    ----------
    levels : sequence of Tensor
        Evidence maps ``(slices, classes, h, w)``, one tensor per level.
    size : tuple of int
        Height and width of the slice.

    Returns
    -------
    Tensor
        ``(slices, classes, height, width)`` in 0..1.
    """
    return torch.stack([upsample(level, size).sigmoid() for level in levels]).prod(0)


def smooth_maximum(evidence_map: Tensor, weights: Tensor, sharpness: float = SHARPNESS) -> Tensor:
    """Pool evidence over a slice by the smooth maximum of its probabilities.

    This is the mean of the probabilities p, weighted with ``softmax(sharpness * p)``. A
    small region suffices for a high value; a few outlying pixels do not.

    Parameters
    ----------
    evidence_map : Tensor
        ``(slices, classes, h, w)``.
    weights : Tensor
        Weight of each pixel in 0..1, broadcastable to the evidence.
    sharpness : float
        0 gives the mean, infinity the maximum.

    Returns
    -------
    Tensor
        Pooled evidence ``(slices, classes)``, float32.
    """
    probability = evidence_map.float().sigmoid()
    prior = weights.float().clamp_min(1e-6).log()
    attention = (sharpness * probability + prior).flatten(2).softmax(-1)
    pooled = (attention * probability.flatten(2)).sum(-1)
    # Clamping keeps the pooled evidence, and so the losses, finite.
    return pooled.clamp(1e-4, 1 - 1e-4).logit()


def mean_within(maps: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean ``(slices, classes)`` of maps ``(slices, classes, h, w)``.

    Weights are in 0..1. The mean is 0 where all of them are 0.
    """
    weighted = (maps * weights).sum((-2, -1))
    return weighted / weights.sum((-2, -1)).clamp_min(1e-6)


def pool(levels: Sequence[Tensor], foreground: Sequence[Tensor]) -> list[Tensor]:
    """Pool the evidence of each level over the slice.

    The shallow level is pooled by its smooth maximum over the foreground. The deep
    level sees far enough to explain a tag by the surroundings, so it only counts
    where the shallow level has found something: its evidence is averaged with the
    shallow map as weights, through which no gradient flows.

    Parameters
    ----------
    levels : sequence of Tensor
        Evidence ``(slices, classes, h, w)``: shallow, deep.
    foreground : sequence of Tensor
        ``(slices, 1, h, w)`` in 0..1 at both levels.

    Returns
    -------
    list of Tensor
        Pooled evidence ``(slices, classes)`` of each level.
    """
    shallow, deep = levels
    found = (shallow.sigmoid() * foreground[0]).detach()
    found = F.max_pool2d(found, found.shape[-1] // deep.shape[-1])
    return [smooth_maximum(shallow, foreground[0]), mean_within(deep, found)]


def foreground_at(foreground: Tensor, level: Tensor) -> Tensor:
    """Reduce a foreground mask to the grid of a level: 1 where any pixel is foreground.

    Parameters
    ----------
    foreground : Tensor
        Bool or float ``(slices, 1, height, width)``.
    level : Tensor
        Maps ``(slices, classes, h, w)`` on that grid.
    """
    height, width = foreground.shape[-2:]
    padding = (0, -width % DEEPEST_STRIDE, 0, -height % DEEPEST_STRIDE)
    padded = F.pad(foreground.to(level.dtype), padding)
    return F.max_pool2d(padded, padded.shape[-1] // level.shape[-1])
