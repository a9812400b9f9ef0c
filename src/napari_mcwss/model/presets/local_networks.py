"""Networks that see little of a slice: the parts of the ``local`` preset."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.model.network import DoubleConvolution

SHALLOW_REACH = 5
"""Pixels, along a side, that the shallow head of a `RegionNetwork` sees."""


def pixels_seen(resolutions: int) -> int:
    """Count the pixels, along a side, that a `RegionNetwork` of so many resolutions sees."""
    # Two 3x3 convolutions at each resolution, down and up, but once at the coarsest.
    steps = sum(8 << level for level in range(resolutions - 1))
    coarsest = 1 << (resolutions - 1)
    return 1 + steps + 4 * coarsest + (coarsest - 1)


class RegionNetwork(nn.Module):
    """A U-Net of few resolutions, so that each pixel is judged by its surroundings alone.

    A second head, on its first block, sees `SHALLOW_REACH` pixels.

    Norms go over the batch: over one slice they would carry what lies far
    away into every pixel.

    Parameters
    ----------
    channels, classes, width : int
        Inputs, outputs and features at full resolution.
    reach : float
        Pixels that it is to see, along a side: it gets the number of resolutions
        that comes nearest, see `pixels_seen`.
    """

    def __init__(self, channels: int, classes: int, width: int, reach: float) -> None:
        super().__init__()
        levels = min(range(1, 7), key=lambda count: abs(pixels_seen(count) - reach))
        widths = [width * 2**level for level in range(levels)]
        self.down = nn.ModuleList(
            DoubleConvolution(inputs, outputs)
            for inputs, outputs in zip([channels, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in widths[:-1]
        )
        self.join = nn.ModuleList(DoubleConvolution(2 * width, width) for width in widths[:-1])
        self.head = nn.Conv2d(width, classes, 1)
        self.shallow_head = nn.Conv2d(width, classes, 1)
        self._stride = 2 ** (levels - 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give the evidence ``(slices, classes, h, w)`` of both heads, deep and shallow.

        Slices may have any size.
        """
        height, width = images.shape[-2:]
        features = F.pad(images, (0, -width % self._stride, 0, -height % self._stride))
        skipped: list[Tensor] = []
        for block in self.down:
            features = block(F.max_pool2d(features, 2) if skipped else features)
            skipped.append(features)
        for level in reversed(range(len(self.up))):
            both = torch.cat([skipped[level], self.up[level](features)], 1)
            features = self.join[level](both)
        deep, shallow = self.head(features), self.shallow_head(skipped[0])
        return deep[..., :height, :width], shallow[..., :height, :width]


class PixelNetwork(nn.Sequential):
    """Three convolutions without pooling, of which the first few are 3x3.

    Parameters
    ----------
    channels, classes, width : int
        Inputs, outputs and features.
    reach : float
        Pixels that it is to see, along a side: it sees 1, 3, 5 or 7.
    """

    def __init__(self, channels: int, classes: int, width: int, reach: float) -> None:
        layers: list[nn.Module] = []
        for index in range(3):
            size = 3 if reach >= 2 + 2 * index else 1
            inputs = width if index else channels
            layers += [
                nn.Conv2d(inputs, width, size, padding=size // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers, nn.Conv2d(width, classes, 1))
