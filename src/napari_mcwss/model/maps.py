"""From logits per level to evidence maps and one CAM per class."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.network import DEEPEST_STRIDE


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
    extremes of the slice: a slice without evidence stays dark. Their geometric
    mean asks every level to agree, as the paper's product does, and keeps 0.5
    the point where the levels are undecided.

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
    logs = [F.logsigmoid(upsample(level, size)) for level in levels]
    return torch.stack(logs).mean(0).exp()


def smooth_maximum(evidence_map: Tensor, weights: Tensor) -> Tensor:
    """Pool evidence over a slice by the mean weighted with its own softmax.

    Parameters
    ----------
    evidence_map : Tensor
        ``(slices, classes, h, w)``.
    weights : Tensor
        How much each pixel counts, in 0..1, broadcastable to the evidence. A
        slice whose weights are all 0 pools to the plain mean.

    Returns
    -------
    Tensor
        ``(slices, classes)``.
    """
    prior = weights.clamp_min(1e-6).log().expand_as(evidence_map)
    attention = (evidence_map + prior).flatten(2).softmax(-1)
    return (attention * evidence_map.flatten(2)).sum(-1)


def tissue_at(tissue: Tensor, level: Tensor) -> Tensor:
    """Bring a tissue mask to a level's grid: 1 where any of its pixels is tissue.

    Parameters
    ----------
    tissue : Tensor
        Bool or float ``(slices, 1, height, width)``.
    level : Tensor
        Maps ``(slices, classes, h, w)`` of the level.
    """
    height, width = tissue.shape[-2:]
    padding = (0, -width % DEEPEST_STRIDE, 0, -height % DEEPEST_STRIDE)
    padded = F.pad(tissue.to(level.dtype), padding)
    return F.max_pool2d(padded, padded.shape[-1] // level.shape[-1])
