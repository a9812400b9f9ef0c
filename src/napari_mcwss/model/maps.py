"""From logits per level to evidence maps and one CAM per class."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.network import DEEPEST_STRIDE

SHARPNESS = 20.0
"""Of the smooth maximum: the mean at 0, the maximum at infinity."""


def evidence(logits: Tensor) -> Tensor:
    """Give the evidence maps: the log-odds of present against absent.

    Parameters
    ----------
    logits : Tensor
        ``(slices, classes, 2, h, w)``, absent then present.

    Returns
    -------
    Tensor
        ``(slices, classes, h, w)``, any real value, 0 is undecided.
    """
    return logits[:, :, 1] - logits[:, :, 0]


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring maps of one level to the slice's own size.

    The network pads slices to a multiple of 16, so a level's map covers the
    padded slice: it is scaled by its whole stride and the padding cut away.

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
    """Fuse the evidence of all levels into one CAM per class.

    Each level is scaled to 0..1 with the logistic function, which needs no
    extremes of the slice: a slice without evidence stays dark. As in the
    paper, the CAM is the product of the levels.

    Parameters
    ----------
    levels : sequence of Tensor
        Evidence maps ``(slices, classes, h, w)``, one tensor a level.
    size : tuple of int
        Height and width of the slice.

    Returns
    -------
    Tensor
        ``(slices, classes, height, width)`` in 0..1.
    """
    return torch.stack([upsample(level, size).sigmoid() for level in levels]).prod(0)


def smooth_maximum(evidence_map: Tensor, weights: Tensor) -> Tensor:
    """Pool evidence over a slice by the smooth maximum of its probabilities.

    The mean of the probabilities p, weighted with ``softmax(20 p)``: a small
    region is enough, and a few outlying pixels are not.

    Parameters
    ----------
    evidence_map : Tensor
        ``(slices, classes, h, w)``.
    weights : Tensor
        How much each pixel counts, in 0..1, broadcastable to the evidence.

    Returns
    -------
    Tensor
        Pooled evidence ``(slices, classes)``, float32.
    """
    probability = evidence_map.float().sigmoid()
    prior = weights.float().clamp_min(1e-6).log()
    attention = (SHARPNESS * probability + prior).flatten(2).softmax(-1)
    pooled = (attention * probability.flatten(2)).sum(-1)
    # Keeps the pooled evidence, and with it a loss, finite.
    return pooled.clamp(1e-4, 1 - 1e-4).logit()


def mean_within(maps: Tensor, weights: Tensor) -> Tensor:
    """Mean of maps ``(slices, classes, h, w)`` over pixels weighted in 0..1: ``(slices, classes)``.

    Where all weights are 0 the mean is 0.
    """
    weighted = (maps * weights).sum((-2, -1))
    return weighted / weights.sum((-2, -1)).clamp_min(1e-6)


def pool(levels: Sequence[Tensor], foreground: Sequence[Tensor]) -> list[Tensor]:
    """Pool the evidence of each level over the slice.

    The shallow level looks for the class, by its smooth maximum over foreground.
    The deep one sees far enough to explain a tag by the surroundings, so it is
    asked only about what the shallow one found: the mean of its evidence over
    the shallow map, through which no gradient flows.

    Parameters
    ----------
    levels : sequence of Tensor
        Evidence ``(slices, classes, h, w)``, shallow then deep.
    foreground : sequence of Tensor
        ``(slices, 1, h, w)`` in 0..1 at both levels.

    Returns
    -------
    list of Tensor
        ``(slices, classes)`` of each level.
    """
    shallow, deep = levels
    found = (shallow.sigmoid() * foreground[0]).detach()
    found = F.max_pool2d(found, found.shape[-1] // deep.shape[-1])
    return [smooth_maximum(shallow, foreground[0]), mean_within(deep, found)]


def foreground_at(foreground: Tensor, level: Tensor) -> Tensor:
    """Bring a foreground mask to a level's grid: 1 where any of its pixels is foreground.

    Parameters
    ----------
    foreground : Tensor
        Bool or float ``(slices, 1, height, width)``.
    level : Tensor
        Maps ``(slices, classes, h, w)`` of the level.
    """
    height, width = foreground.shape[-2:]
    padding = (0, -width % DEEPEST_STRIDE, 0, -height % DEEPEST_STRIDE)
    padded = F.pad(foreground.to(level.dtype), padding)
    return F.max_pool2d(padded, padded.shape[-1] // level.shape[-1])
