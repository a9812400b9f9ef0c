"""LayerCAM: where a network's features and their gradients say that a class is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def layer_cam(
    score: Callable[[Tensor, Tensor], Tensor], module: nn.Module, images: Tensor, foreground: Tensor
) -> Tensor:
    """Explain the scores of slices by the features of a module.

    The features of a pixel count as far as their gradients for the class's
    score are positive there (Jiang et al., *LayerCAM*, IEEE Trans Image Process
    2021). Each map is scaled by its own maximum: it tells where, not whether.

    Parameters
    ----------
    score : callable
        `Preset.score` of a network in evaluation mode.
    module : nn.Module
        Part of that network; its output are the features ``(slices, features, h, w)``.
    images, foreground : Tensor
        As in `Preset.predict`; not of inference mode, which has no gradients.

    Returns
    -------
    Tensor
        ``(slices, classes, h, w)`` in 0..1, of the slices' own size.
    """
    with torch.enable_grad(), _captured(module) as outputs:
        evidence = torch.logit(score(images, foreground), 1e-6)
        (features,) = outputs
        maps = []
        for index in range(evidence.shape[1]):
            (gradient,) = torch.autograd.grad(
                evidence[:, index].sum(), features, retain_graph=index + 1 < evidence.shape[1]
            )
            maps.append((gradient.relu() * features).sum(1).relu())
    found = torch.stack(maps, 1).detach()
    found = found / found.amax((-2, -1), keepdim=True).clamp_min(1e-12)
    return _sized(found, images.shape[-2], images.shape[-1]) * foreground


def _sized(maps: Tensor, height: int, width: int) -> Tensor:
    """Bring maps of features to the size of their slices.

    Networks pad slices to the right and below, or cut them there: features
    cover more or less than the slice, in strides of a power of two.
    """
    stride = 1
    while maps.shape[-1] * stride <= width - stride:
        stride *= 2
    scaled = F.interpolate(maps, scale_factor=stride, mode="bilinear") if stride > 1 else maps
    lacking = (0, max(0, width - scaled.shape[-1]), 0, max(0, height - scaled.shape[-2]))
    return F.pad(scaled, lacking, mode="replicate")[..., :height, :width]


@contextmanager
def _captured(module: nn.Module) -> Iterator[list[Tensor]]:
    """Keep what a module gives, as long as this lasts."""
    outputs: list[Tensor] = []
    hook = module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()
