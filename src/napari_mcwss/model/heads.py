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
        mixed = torch.zeros((), device=self.bias.device)
        for mix, level, mean, deviation in zip(
            self.mix, levels, self.means, self.deviations, strict=True
        ):
            reduced = _reduced(level, size).to(mean.dtype)
            mixed = mixed + _enlarged(_mixed(reduced, mix, mean, deviation), size)
        hidden = self.dropout(F.relu(mixed / len(levels) ** 0.5))
        heads, classes = self.weight.shape[:2]
        # All heads at once: each reads its own part of the hidden features.
        weight, bias = torch.block_diag(*self.weight), self.bias.flatten()
        evidence = F.linear(hidden.movedim(1, -1), weight, bias).movedim(-1, 1)
        return evidence.reshape(len(evidence), heads, classes, *size)


class PixelHead(nn.Module):
    """A head with two hidden layers, for features that are all of a pixel's own surroundings.

    `widths` are the features of each level that is read.
    """

    def __init__(self, widths: Sequence[int], classes: int, hidden: int) -> None:
        super().__init__()
        self.means = _fixed(torch.zeros(sum(widths), 1, 1))
        self.deviations = _fixed(torch.ones(sum(widths), 1, 1))
        self.layers = nn.Sequential(
            nn.Conv2d(sum(widths), hidden, 1),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, classes, 1),
        )

    def standardise(self, means: Sequence[Tensor], deviations: Sequence[Tensor]) -> None:
        """Set the mean and standard deviation of the features of each level, ``(width,)``."""
        self.means.copy_(torch.cat(list(means))[:, None, None])
        self.deviations.copy_(torch.cat(list(deviations))[:, None, None])

    def forward(self, features: Tensor) -> Tensor:
        """Return the evidence ``(slices, classes, h, w)`` of joined levels, see `join_levels`."""
        evidence: Tensor = self.layers((features - self.means) / self.deviations)
        return evidence


class MaskHead(nn.Module):
    """A head that learns from masks, pixel by pixel: the background and each class exclude others.

    Masks of few scans fit to many features by chance. So it reads the principal components of each
    level, and a training step leaves some of them out.

    Parameters
    ----------
    widths : sequence of int
        Features of each level that is read.
    certain : int
        So many levels at the end are never left out.
    classes, hidden : int
        Outputs beside the background, and features of the hidden layers.
    dropout : float
        Share of the components that a training step leaves out.
    """

    def __init__(
        self, widths: Sequence[int], certain: int, classes: int, hidden: int, dropout: float = 0.3
    ) -> None:
        super().__init__()
        # Levels vary less than they have features: about so much of each is enough.
        self.components = [min(width, round(2 * width**0.5)) for width in widths]
        self.means = nn.ParameterList(_fixed(torch.zeros(width)) for width in widths)
        self.projections = nn.ParameterList(
            _fixed(torch.eye(width)[:, :count])
            for width, count in zip(widths, self.components, strict=True)
        )
        self._uncertain = sum(self.components[: len(widths) - certain])
        self._shape, self._dropout = (classes, hidden), dropout
        self.begin()

    def begin(self) -> None:
        """Forget what was learnt from masks."""
        classes, hidden = self._shape
        self.layers = nn.Sequential(
            nn.Linear(sum(self.components), hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, classes + 1),
        ).to(self.means[0].device)

    def find_components(self, levels: Sequence[Tensor]) -> None:
        """Find the principal components of features ``(pixels, width)`` of each level.

        Each is scaled to a standard deviation of 1, but those of little variance by less.
        """
        for level, mean, projection in zip(levels, self.means, self.projections, strict=True):
            deviation = level.std(0) + 1e-3
            normal = (level - level.mean(0)) / deviation
            variances, axes = torch.linalg.eigh(normal.T @ normal / len(normal))
            count = projection.shape[1]
            scales = variances[-count:].clamp_min(0).sqrt().clamp_min(0.3)
            mean.copy_(level.mean(0))
            projection.copy_(axes[:, -count:] / scales / deviation[:, None])

    def project(self, levels: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return the components ``(slices, components, h, w)`` of all levels at a size.

        `levels` are maps ``(slices, width, h, w)`` that cover the same area.
        """
        projected = [
            ((_reduced(level, size).movedim(1, -1) - mean) @ projection).movedim(-1, 1)
            for level, mean, projection in zip(levels, self.means, self.projections, strict=True)
        ]
        return torch.cat([_enlarged(level, size) for level in projected], 1)

    def forward(self, components: Tensor) -> Tensor:
        """Return log-odds ``(..., classes + 1)`` of components ``(..., components)``.

        The background is the first output.
        """
        uncertain, certain = components.tensor_split([self._uncertain], -1)
        kept = F.dropout(uncertain, self._dropout, self.training)
        evidence: Tensor = self.layers(torch.cat([kept, certain], -1))
        return evidence


def join_levels(levels: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Resize maps ``(slices, width, h, w)`` that cover the same area, and join their features."""
    return torch.cat([_enlarged(_reduced(level.float(), size), size) for level in levels], 1)


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _mixed(level: Tensor, mix: nn.Module, mean: Tensor, deviation: Tensor) -> Tensor:
    """Standardise and mix the features of a level; channels last, in which all else is faster."""
    assert isinstance(mix, nn.Conv2d)
    assert mix.bias is not None
    # To standardise the weights is the same as to standardise all pixels.
    weight = mix.weight.flatten(1) / deviation.flatten()
    bias = mix.bias - weight @ mean.flatten()
    columns = weight.T.expand(len(level), -1, -1)
    mixed = torch.baddbmm(bias, level.flatten(2).mT, columns)
    return mixed.mT.reshape(len(level), len(weight), *level.shape[-2:])


def _reduced(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return maps if maps.shape[-2] <= size[0] else F.adaptive_avg_pool2d(maps, size)


def _enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return maps if tuple(maps.shape[-2:]) == size else F.interpolate(maps, size, mode="bilinear")
