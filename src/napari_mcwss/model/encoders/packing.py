"""How scans of any number of channels become images of three, as encoders read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from napari_mcwss.model.encoders.encoder import Encoder

_COLOURS = 3


def groups(channels: int) -> int:
    """Return how many images of three channels hold so many channels."""
    return -(-channels // _COLOURS)


def pack(images: Tensor) -> Tensor:
    """Pack channels three at a time; a smaller last group is filled up with its mean.

    One channel thus becomes grey, and colours stay as they are.

    Parameters
    ----------
    images : Tensor
        ``(n, channels, h, w)``.

    Returns
    -------
    Tensor
        ``(n * groups(channels), 3, h, w)``: all groups of the first image, then of the second.

    Examples
    --------
    >>> pack(torch.tensor([1.0, 2.0, 3.0, 4.0, 6.0]).view(1, 5, 1, 1)).flatten(1)
    tensor([[1., 2., 3.],
            [4., 6., 5.]])
    """
    channels = images.shape[1]
    missing = -channels % _COLOURS
    if missing:
        last = images[:, channels - _COLOURS + missing :]
        filling = last.mean(1, keepdim=True).expand(-1, missing, -1, -1)
        images = torch.cat([images, filling], dim=1)
    return images.reshape(-1, _COLOURS, *images.shape[2:])


def encode(encoder: Encoder, images: Tensor) -> list[Tensor]:
    """Compute features of images with any number of channels.

    Parameters
    ----------
    encoder : Encoder
        Reads three channels.
    images : Tensor
        ``(n, channels, h, w)``, in 0..1.

    Returns
    -------
    list of Tensor
        One map per level: ``(n, groups(channels) * width, ceil(h / stride), ceil(w / stride))``.
    """
    count, channels = images.shape[:2]
    maps = encoder(pack(images))
    return [
        level.reshape(count, groups(channels) * level.shape[1], *level.shape[2:]) for level in maps
    ]
