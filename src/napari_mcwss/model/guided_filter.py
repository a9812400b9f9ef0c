"""The guided filter, which fits maps to the edges of an image."""

import torch
from torch import Tensor
from torch.nn import functional as F

SOFTNESS = 0.1
"""Variance of a channel below which edges are smoothed; images have variance 1."""


def guided_filter(maps: Tensor, images: Tensor, radius: int) -> Tensor:
    """Filter maps so that their edges are those of the images.

    In every window, the filtered map is the linear function of the channels that
    fits the map best (He, Sun, Tang, *Guided image filtering*, IEEE Trans Pattern
    Anal Mach Intell 2013, section 3.5). The functions are fitted at half the
    resolution and applied at the full one (He, Sun, *Fast guided filter*, 2015).

    Parameters
    ----------
    maps : Tensor
        ``(slices, classes, h, w)``.
    images : Tensor
        Guides ``(slices, channels, h, w)``, each channel with a variance of about 1.
    radius : int
        Windows have ``2 * radius + 1`` pixels per side.

    Returns
    -------
    Tensor
        Float32 ``(slices, classes, h, w)``; values can slightly exceed the range of the maps.
    """
    height, width = images.shape[-2:]
    guides = images.float()
    maps, images = _halved(maps.float()), _halved(guides)
    window = 2 * (radius // 2) + 1
    channels = images.shape[1]

    def mean(values: Tensor) -> Tensor:
        # Rows, then columns: equals the square window, with fewer sums.
        for size in ((window, 1), (1, window)):
            padding = [side // 2 for side in size]
            values = F.avg_pool2d(values, size, 1, padding, count_include_pad=False)
        return values

    image_mean, map_mean = mean(images), mean(maps)
    # Both halves of the matrix are the same.
    row, column = torch.triu_indices(channels, channels, device=images.device)
    cell = torch.empty(channels, channels, dtype=torch.long, device=images.device)
    cell[row, column] = cell[column, row] = torch.arange(len(row), device=images.device)
    variance = mean(images[:, row] * images[:, column])[:, cell]
    variance = variance - image_mean[:, :, None] * image_mean[:, None]
    covariance = mean((images[:, :, None] * maps[:, None]).flatten(1, 2))
    covariance = covariance.unflatten(1, (channels, -1))
    covariance = covariance - image_mean[:, :, None] * map_mean[:, None]

    ridge = SOFTNESS * torch.eye(channels, device=maps.device)
    # One small system per pixel: (slices, h, w, channels, channels or classes).
    slopes = torch.linalg.solve(
        variance.permute(0, 3, 4, 1, 2) + ridge, covariance.permute(0, 3, 4, 1, 2)
    ).permute(0, 3, 4, 1, 2)
    offsets = map_mean - (slopes * image_mean[:, :, None]).sum(1)
    both = mean(torch.cat([slopes.flatten(1, 2), offsets], 1))
    both = F.interpolate(both, scale_factor=2, mode="bilinear")[..., :height, :width]
    smooth, offsets = both.split([both.shape[1] - maps.shape[1], maps.shape[1]], 1)
    filtered: Tensor = offsets
    for index, slope in enumerate(smooth.unflatten(1, (channels, -1)).unbind(1)):
        filtered = filtered + slope * guides[:, index, None]
    return filtered


def _halved(values: Tensor) -> Tensor:
    return F.avg_pool2d(values, 2, ceil_mode=True)
