"""Networks that see a small part of a slice, for the ``local`` preset."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.model.network import DoubleConvolution, double_convolutions

SHALLOW_REACH = 5
"""Side in pixels of the square that the shallow head of a `RegionNetwork` sees."""


def pixels_seen(resolutions: int) -> int:
    """Return the side in pixels of the square that a `RegionNetwork` sees."""
    # Two 3x3 convolutions at each resolution, down and up, but only once at the coarsest.
    steps = sum(8 << level for level in range(resolutions - 1))
    coarsest = 1 << (resolutions - 1)
    return 1 + steps + 4 * coarsest + (coarsest - 1)


class RegionNetwork(nn.Module):
    """A U-Net of few resolutions, so that each pixel is judged only by its surroundings.

    A second head, on its first block, sees `SHALLOW_REACH` pixels. Normalisation is over
    the batch: over single slices it would bring distant information to every pixel.

    `reach` is the side in pixels of the square to see; it sets the number of resolutions whose
    `pixels_seen` is nearest.
    """

    def __init__(self, channels: int, classes: int, width: int, reach: float) -> None:
        super().__init__()
        levels = min(range(1, 7), key=lambda count: abs(pixels_seen(count) - reach))
        widths = [width * 2**level for level in range(levels)]
        self.down = double_convolutions(channels, widths)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in widths[:-1]
        )
        self.join = nn.ModuleList(DoubleConvolution(2 * width, width) for width in widths[:-1])
        self.head = nn.Conv2d(width, classes, 1)
        self.shallow_head = nn.Conv2d(width, classes, 1)
        self._stride = 2 ** (levels - 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the evidence ``(slices, classes, h, w)`` of both heads: deep, shallow.

        Slices may have any size.
        """
        height, width = images.shape[-2:]
        features = F.pad(images, (0, -width % self._stride, 0, -height % self._stride))
        skipped: list[Tensor] = []
        for block in self.down:
            features = block(F.max_pool2d(features, 2) if skipped else features)
            skipped.append(features)
        shallow = self.shallow_head(skipped[0])
        # The last one is `features`. A prediction frees each other one once it is joined.
        skipped.pop()
        for level in reversed(range(len(self.up))):
            both = torch.cat([skipped.pop(), self.up[level](features)], 1)
            features = self.join[level](both)
        deep = self.head(features)
        return deep[..., :height, :width], shallow[..., :height, :width]


class PixelNetwork(nn.Sequential):
    """Three convolutions without pooling, of which the first ones are 3x3.

    It sees the square of 1, 3, 5 or 7 pixels that `reach` is nearest to.
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
