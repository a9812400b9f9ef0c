"""A frozen feature extractor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class Encoder(nn.Module):
    """A network that others have trained, and that is never trained here.

    It stays in evaluation mode, and its weights need no gradients.

    Parameters
    ----------
    network : Module
        Returns one map per level of the normalised images ``(n, 3, h, w)``.
    strides, widths : sequence of int
        Of each level: pixels of the image per pixel of the map, and channels.
    mean, deviation : sequence of float
        Of red, green and blue, in 0..1, for which the network was trained.
    digest : str
        Identifies the weights: the first digits of their SHA-256.
    """

    def __init__(
        self,
        network: nn.Module,
        strides: Sequence[int],
        widths: Sequence[int],
        mean: Sequence[float],
        deviation: Sequence[float],
        digest: str,
    ) -> None:
        super().__init__()
        self.network = network
        self.strides, self.widths = tuple(strides), tuple(widths)
        self.mean, self.deviation = tuple(mean), tuple(deviation)
        self.digest = digest
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002
        """Stay in evaluation mode, whatever becomes of a module that holds the encoder."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute features.

        Parameters
        ----------
        images : Tensor
            ``(n, 3, h, w)``, in 0..1, of any size.

        Returns
        -------
        list of Tensor
            One map per level: ``(n, width, ceil(h / stride), ceil(w / stride))``.
        """
        mean, deviation = (
            torch.tensor(values, dtype=images.dtype, device=images.device).view(3, 1, 1)
            for values in (self.mean, self.deviation)
        )
        # Most encoders have convolutions with strides, which processors compute wrong in
        # bfloat16, see `autocast`.
        with torch.autocast("cpu", enabled=False):
            maps: list[Tensor] = self.network((images - mean) / deviation)
        return maps
