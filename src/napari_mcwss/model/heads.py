"""Heads that turn the features of a frozen encoder into evidence, pixel by pixel."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RARE = -2.0
"""Evidence that heads begin with: most pixels hold no class."""


class FeatureHeads(nn.Module):
    """Several independent heads with one hidden layer, which are trained and run at once.

    They differ in their random start, and in what they learn from.

    Parameters
    ----------
    widths : sequence of int
        Features of each level that is read.
    classes, heads, hidden : int
        Outputs of a head, number of heads, and features of the hidden layer of each.
    dropout : float
        Share of the hidden features that a training step leaves out.
    """

    def __init__(
        self, widths: Sequence[int], classes: int, heads: int, hidden: int, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.means = nn.ParameterList(_fixed(torch.zeros(width, 1, 1)) for width in widths)
        self.deviations = nn.ParameterList(_fixed(torch.ones(width, 1, 1)) for width in widths)
        # The levels are mixed before they are resized, which is the same and much faster.
        self.mix = nn.ModuleList(nn.Conv2d(width, heads * hidden, 1) for width in widths)
        self.dropout = nn.Dropout2d(dropout)
        self.weight = nn.Parameter(torch.randn(heads, classes, hidden) / hidden**0.5)
        self.bias = nn.Parameter(torch.full((heads, classes, 1), RARE))

    def standardise(self, means: Sequence[Tensor], deviations: Sequence[Tensor]) -> None:
        """Set the mean and standard deviation of the features of each level, ``(width,)``."""
        for own, given in zip((*self.means, *self.deviations), (*means, *deviations), strict=True):
            own.copy_(given[:, None, None])

    def forward(self, levels: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return the evidence ``(slices, heads, classes, h, w)`` at a size.

        `levels` are maps ``(slices, width, h, w)`` that cover the same area.
        """
        mixed = [
            _resized(mix((level.to(mean.dtype) - mean) / deviation), size)
            for mix, level, mean, deviation in zip(
                self.mix, levels, self.means, self.deviations, strict=True
            )
        ]
        hidden = self.dropout(F.relu(torch.stack(mixed).sum(0) / len(mixed) ** 0.5))
        hidden = hidden.unflatten(1, (len(self.weight), -1)).flatten(3)
        evidence: Tensor = (self.weight @ hidden + self.bias).unflatten(-1, size)
        return evidence


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(maps.shape[-2:]) == size:
        return maps
    if maps.shape[-2] > size[0]:
        return F.adaptive_avg_pool2d(maps, size)
    return F.interpolate(maps, size, mode="bilinear")
