"""The multi-level classification network (paper, section 3.1)."""

from collections.abc import Sequence
from itertools import pairwise, starmap
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.model.affinity import SemanticAffinity

DEEPEST_STRIDE = 16


class Features(NamedTuple):
    """Features of the two levels that have heads.

    Attributes
    ----------
    shallow : Tensor
        Output of block 3, ``(slices, 4 * width, h / 4, w / 4)``.
    deep : Tensor
        Output of block 5, ``(slices, 16 * width, h / 16, w / 16)``.
    """

    shallow: Tensor
    deep: Tensor


class DoubleConvolution(nn.Sequential):
    """Two 3x3 convolutions, each with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


def double_convolutions(channels: int, widths: Sequence[int]) -> nn.ModuleList:
    """Return one double convolution per width, each of which reads the output of the last."""
    return nn.ModuleList(starmap(DoubleConvolution, pairwise([channels, *widths])))


class Encoder(nn.Module):
    """Five double convolutions with 2x2 max pooling between them.

    Parameters
    ----------
    channels : int
        Channels of a slice.
    width : int
        Features of the first block; every block doubles them.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        self.blocks = double_convolutions(channels, widths)
        self.shallow_width = widths[2]
        self.deep_width = widths[4]

    def forward(self, images: Tensor) -> Features:
        """Encode slices ``(slices, channels, h, w)``, h and w multiples of 16."""
        outputs: list[Tensor] = []
        for block in self.blocks:
            images = block(F.max_pool2d(images, 2) if outputs else images)
            outputs.append(images)
        return Features(outputs[2], outputs[4])


class Heads(nn.Module):
    """One head with two outputs, absent and present, per class and level."""

    def __init__(self, encoder: Encoder, classes: int, *, bias: bool) -> None:
        super().__init__()
        self.shallow = nn.Conv2d(encoder.shallow_width, 2 * classes, 1, bias=bias)
        self.deep = nn.Conv2d(encoder.deep_width, 2 * classes, 1, bias=bias)

    def forward(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the logits ``(slices, classes, 2, h, w)`` of each level."""
        return (
            self.shallow(features.shallow).unflatten(1, (-1, 2)),
            self.deep(features.deep).unflatten(1, (-1, 2)),
        )


class MultiLevelNetwork(nn.Module):
    """Encoder, heads of the single branch, and decomposed branch.

    The decomposed branch (affinities and separate heads) is only used in training;
    a forward pass does not compute it.

    Parameters
    ----------
    channels, classes : int
        Channels of a slice, and classes to separate, each at least 1.
    width : int
        Features of the first block.
    affinity : type
        Affinity module of each level, built with the width of the level.
    head_bias : bool
        Whether heads have a bias.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        width: int,
        *,
        affinity: type[nn.Module] = SemanticAffinity,
        head_bias: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(channels, width)
        self.single_heads = Heads(self.encoder, classes, bias=head_bias)
        self.decomposed_heads = Heads(self.encoder, classes, bias=head_bias)
        self.shallow_affinity = affinity(self.encoder.shallow_width)
        self.deep_affinity = affinity(self.encoder.deep_width)

    def encode(self, images: Tensor) -> Features:
        """Encode slices of any size, padded to a multiple of 16 with zeros."""
        height, width = images.shape[-2:]
        padding = (0, -width % DEEPEST_STRIDE, 0, -height % DEEPEST_STRIDE)
        features: Features = self.encoder(F.pad(images, padding))
        return features

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the single branch at both levels for slices of any size."""
        logits: tuple[Tensor, Tensor] = self.single_heads(self.encode(images))
        return logits

    def decompose(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the logits of the decomposed branch at both levels.

        Parameters
        ----------
        features : Features
            Of a batch of pairs: first the slices, then their references.

        Returns
        -------
        tuple of Tensor
            For each level ``(rewritten slices, classes, 2, h, w)``, in the order of
            the affinity module.
        """
        rewritten = Features(
            self.shallow_affinity(*features.shallow.chunk(2)),
            self.deep_affinity(*features.deep.chunk(2)),
        )
        logits: tuple[Tensor, Tensor] = self.decomposed_heads(rewritten)
        return logits
