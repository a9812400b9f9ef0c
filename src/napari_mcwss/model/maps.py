"""Evidence maps of each level from logits, and one CAM per class from these."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.network import DEEPEST_STRIDE

SHARPNESS = 20.0
"""Sharpness of the smooth maximum: 0 gives the mean, infinity the maximum."""


def evidence(logits: Tensor) -> Tensor:
    """Return evidence ``(slices, classes, h, w)``, the log-odds of present against absent.

    Logits are ``(slices, classes, 2, h, w)``: absent, present. Evidence is any real value; 0 is
    undecided.
    """
    return logits[:, :, 1] - logits[:, :, 0]


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Upsample the maps of one level to the size of the slice before padding.

    Networks pad slices to a multiple of 16, and the maps cover the padded slice:
    they are scaled by the stride of the level, then the padding is cut off.
    """
    height, width = size
    padded = (height + -height % DEEPEST_STRIDE, width + -width % DEEPEST_STRIDE)
    return F.interpolate(maps, padded, mode="bilinear")[..., :height, :width]


def fuse(levels: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Fuse the evidence of all levels to one CAM per class, in 0..1, of the size of the slice.

    The logistic function scales each level to 0..1 without reference to the
    extremes of the slice: a slice without evidence stays dark. As in the paper,
    the CAM is the product of the levels.
    """
    return torch.stack([upsample(level, size).sigmoid() for level in levels]).prod(0)


def smooth_maximum(evidence_map: Tensor, weights: Tensor) -> Tensor:
    """Pool evidence to ``(slices, classes)`` by the smooth maximum of its probabilities.

    This is the mean of the probabilities p, weighted with ``softmax(20 p)``. A
    small region suffices for a high value; a few outlying pixels do not.

    Weights of pixels are in 0..1, broadcastable to the evidence.
    """
    probability = evidence_map.float().sigmoid()
    prior = weights.float().clamp_min(1e-6).log()
    attention = (SHARPNESS * probability + prior).flatten(2).softmax(-1)
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
    """Pool the evidence of each level, shallow and deep, to ``(slices, classes)``.

    The shallow level is pooled by its smooth maximum over the foreground. The deep
    level sees far enough to explain a tag by the surroundings, so it only counts
    where the shallow level has found something: its evidence is averaged with the
    shallow map as weights, through which no gradient flows.
    """
    shallow, deep = levels
    found = (shallow.sigmoid() * foreground[0]).detach()
    found = F.max_pool2d(found, found.shape[-1] // deep.shape[-1])
    return [smooth_maximum(shallow, foreground[0]), mean_within(deep, found)]


def foreground_at(foreground: Tensor, level: Tensor) -> Tensor:
    """Reduce a foreground mask to the grid of a level: 1 where any pixel is foreground."""
    height, width = foreground.shape[-2:]
    padding = (0, -width % DEEPEST_STRIDE, 0, -height % DEEPEST_STRIDE)
    padded = F.pad(foreground.to(level.dtype), padding)
    return F.max_pool2d(padded, padded.shape[-1] // level.shape[-1])
