"""Random views of slices, batched on the device; their tags stay true."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

ROTATION = 0.5
SCALE = 0.15
SHIFT = 0.05
GAIN = 0.1
OFFSET = 0.1


@dataclass(frozen=True)
class Views:
    """A view of each slice of a batch: where it is seen from, and how bright.

    Attributes
    ----------
    grid : Tensor
        ``(slices, h, w, 2)``, where each pixel of the view lies in the slice.
    gain, offset : Tensor
        ``(slices, channels, 1, 1)``.
    """

    grid: Tensor
    gain: Tensor
    offset: Tensor

    def images(self, images: Tensor, tissue: Tensor) -> tuple[Tensor, Tensor]:
        """View images ``(slices, channels, h, w)`` and their tissue, bool ``(slices, 1, h, w)``."""
        both = torch.cat([images, tissue.to(images.dtype)], 1)
        both = F.grid_sample(both, self.grid, align_corners=False)
        tissue = both[:, -1:] > 0.5
        return (both[:, :-1] * self.gain + self.offset) * tissue, tissue

    def labels(self, labels: Tensor) -> Tensor:
        """View label images ``(slices, h, w)``; what comes in from outside is 0."""
        seen = F.grid_sample(
            labels[:, None].float(), self.grid, mode="nearest", align_corners=False
        )
        return seen[:, 0].to(labels.dtype)


def draw_views(images: Tensor, generator: torch.Generator, depth: int = 1) -> Views:
    """Draw flips, rotations, scales and shifts, and changes of each channel's intensity.

    Parameters
    ----------
    images : Tensor
        ``(slices, channels, h, w)``: their size and device are those of the views.
    generator : torch.Generator
        On the CPU, so that a seed gives the same views on every device.
    depth : int
        So many slices, one after another, get the same view: those of a stack.
    """
    count, channels, height, width = images.shape
    count //= depth

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * 2 - 1

    angle = draw(count) * ROTATION
    scale = 1 + draw(count) * SCALE
    flips = draw(count, 2).sign()
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    # Grid coordinates run from -1 to 1 along both axes: the aspect keeps angles true.
    aspect = height / width
    turn = torch.stack(
        [
            torch.stack([cosine * flips[:, 0], -sine * flips[:, 1] * aspect], 1),
            torch.stack([sine * flips[:, 0] / aspect, cosine * flips[:, 1]], 1),
        ],
        1,
    )
    theta = torch.cat([turn, draw(count, 2, 1) * SHIFT], 2).to(images.device)
    gain = 1 + draw(count, channels, 1, 1) * GAIN
    offset = draw(count, channels, 1, 1) * OFFSET
    grid = F.affine_grid(theta, [count, 1, height, width], align_corners=False)
    drawn = (grid, gain.to(images.device), offset.to(images.device))
    return Views(*(part.repeat_interleave(depth, 0) for part in drawn))
