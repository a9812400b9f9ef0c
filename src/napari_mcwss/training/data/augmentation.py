"""Random views of slices: flips, rotations and brightness, which keep their tags true."""

from collections.abc import Sequence
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
    """A view of each slice of a batch, on the CPU.

    `theta` are matrices ``(slices, 2, 3)`` for `affine_grid`; `gain` and `offset` change the
    intensity, ``(slices, channels, 1, 1)``.
    """

    theta: Tensor
    gain: Tensor
    offset: Tensor

    def __getitem__(self, rows: Tensor) -> "Views":
        return Views(self.theta[rows], self.gain[rows], self.offset[rows])

    def images(self, images: Tensor, foreground: Tensor) -> tuple[Tensor, Tensor]:
        """Transform images ``(slices, channels, h, w)`` and foregrounds ``(slices, 1, h, w)``."""
        both = torch.cat([images, foreground.to(images.dtype)], 1)
        both = F.grid_sample(both, self._grid(images), align_corners=False)
        foreground = both[:, -1:] > 0.5
        gain, offset = self.gain.to(images.device), self.offset.to(images.device)
        return (both[:, :-1] * gain + offset) * foreground, foreground

    def labels(self, labels: Tensor) -> Tensor:
        """Transform label images ``(slices, h, w)``; 0 is outside."""
        seen = F.grid_sample(
            labels[:, None].float(), self._grid(labels), mode="nearest", align_corners=False
        )
        return seen[:, 0].to(labels.dtype)

    def _grid(self, maps: Tensor) -> Tensor:
        size = [len(maps), 1, *maps.shape[-2:]]
        return F.affine_grid(self.theta.to(maps.device), size, align_corners=False)


def draw_views(shape: Sequence[int], generator: torch.Generator, depth: int = 1) -> Views:
    """Draw flips, rotations, scales and shifts, and changes of each channel's intensity.

    `shape` is ``(slices, channels, h, w)``; `depth` consecutive slices, those of a slab, share a
    view. The generator is on the CPU, so that a seed gives the same views on every device.
    """
    count, channels, height, width = shape
    count //= depth

    def draw(*size: int) -> Tensor:
        return torch.rand(*size, generator=generator) * 2 - 1

    angle = draw(count) * ROTATION
    scale = 1 + draw(count) * SCALE
    flips = draw(count, 2).sign()
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    # Grid coordinates run from -1 to 1 along both axes: the aspect ratio preserves angles.
    aspect = height / width
    turn = torch.stack(
        [
            torch.stack([cosine * flips[:, 0], -sine * flips[:, 1] * aspect], 1),
            torch.stack([sine * flips[:, 0] / aspect, cosine * flips[:, 1]], 1),
        ],
        1,
    )
    theta = torch.cat([turn, draw(count, 2, 1) * SHIFT], 2)
    gain = 1 + draw(count, channels, 1, 1) * GAIN
    offset = draw(count, channels, 1, 1) * OFFSET
    return Views(*(part.repeat_interleave(depth, 0) for part in (theta, gain, offset)))
