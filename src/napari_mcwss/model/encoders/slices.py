"""Features of normalised slices, at the strides that heads read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

from napari_mcwss.model.encoders.packing import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_mcwss.model.encoders.encoder import Encoder

FINEST_STRIDE = 4
"""Finer levels are averaged to this stride: few channels would take most of the memory."""

MULTIPLE = 32
"""Slices are padded to a multiple of it, so that the maps of all levels cover the same area."""

CONTRAST = 0.25
"""Range of intensities, in 0..1, that one standard deviation of a scan becomes."""


def feature_strides(encoder: Encoder) -> list[int]:
    """Return the stride of each map of `encode_slices`."""
    return [max(FINEST_STRIDE, stride) for stride in encoder.strides]


def encode_slices(encoder: Encoder, images: Tensor) -> list[Tensor]:
    """Compute features of normalised slices.

    Parameters
    ----------
    encoder : Encoder
        On the device of the images.
    images : Tensor
        Float ``(slices, channels, h, w)`` with mean 0 and standard deviation 1, as in `Inputs`.

    Returns
    -------
    list of Tensor
        One map per level, ``(slices, features, ceil(H / stride), ceil(W / stride))`` with the
        strides of `feature_strides`, where H and W are h and w padded to a multiple of 32.
    """
    height, width = images.shape[-2:]
    padded = F.pad(images, (0, -width % MULTIPLE, 0, -height % MULTIPLE))
    levels = encode(encoder, (padded * CONTRAST + 0.5).clamp(0, 1))
    return [
        F.avg_pool2d(level, FINEST_STRIDE // stride) if stride < FINEST_STRIDE else level
        for level, stride in zip(levels, encoder.strides, strict=True)
    ]


def pad_levels(
    levels: Sequence[Tensor], size: tuple[int, int], strides: Sequence[int]
) -> list[Tensor]:
    """Pad the maps of smaller slices to those of slices of a size, a multiple of 32."""
    height, width = size
    return [
        F.pad(
            level,
            (0, -(-width // stride) - level.shape[-1], 0, -(-height // stride) - level.shape[-2]),
        )
        for level, stride in zip(levels, strides, strict=True)
    ]
