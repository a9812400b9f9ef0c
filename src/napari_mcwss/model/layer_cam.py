"""LayerCAM: class activation maps from features and their gradients."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def layer_cam(
    score: Callable[[Tensor, Tensor], Tensor], module: nn.Module, images: Tensor, foreground: Tensor
) -> Tensor:
    """Compute LayerCAM of each class from the features of a module.

    Features are weighted with the positive part of their gradients for the score
    of the class (Jiang et al., *LayerCAM*, IEEE Trans Image Process 2021). Each map
    is scaled by its own maximum: it shows where the class would be, not whether it
    is there.

    Parameters
    ----------
    score : callable
        `Preset.score` of a network in evaluation mode.
    module : nn.Module
        Part of that network, with features ``(slices, features, h, w)`` as output.
    images, foreground : Tensor
        As in `Preset.predict`, but not made in inference mode, which has no gradients.

    Returns
    -------
    Tensor
        ``(slices, classes, h, w)`` in 0..1, of the size of the slices.
    """
    with torch.enable_grad(), _captured_outputs(module) as outputs:
        evidence = torch.logit(score(images, foreground), 1e-6)
        (features,) = outputs
        maps = []
        for index in range(evidence.shape[1]):
            (gradient,) = torch.autograd.grad(
                evidence[:, index].sum(), features, retain_graph=index + 1 < evidence.shape[1]
            )
            maps.append((gradient.relu() * features).sum(1).relu())
    cams = torch.stack(maps, 1).detach()
    cams = cams / cams.amax((-2, -1), keepdim=True).clamp_min(1e-12)
    return _upsampled(cams, images.shape[-2], images.shape[-1]) * foreground


def _upsampled(maps: Tensor, height: int, width: int) -> Tensor:
    """Upsample maps on a grid of features to the size of the slices.

    Networks pad or crop slices on the right and at the bottom, so the features
    cover more or less than the slice. Their stride is a power of two.
    """
    stride = 1
    while maps.shape[-1] * stride <= width - stride:
        stride *= 2
    scaled = F.interpolate(maps, scale_factor=stride, mode="bilinear") if stride > 1 else maps
    missing = (0, max(0, width - scaled.shape[-1]), 0, max(0, height - scaled.shape[-2]))
    return F.pad(scaled, missing, mode="replicate")[..., :height, :width]


@contextmanager
def _captured_outputs(module: nn.Module) -> Iterator[list[Tensor]]:
    outputs: list[Tensor] = []
    hook = module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()
