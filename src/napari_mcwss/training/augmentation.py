"""Random views of slices, batched on the device; their tags stay true."""

import torch
from torch import Tensor
from torch.nn import functional as F

ROTATION = 0.5
SCALE = 0.15
SHIFT = 0.05
GAIN = 0.1
OFFSET = 0.1


def augment(images: Tensor, tissue: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Flip, rotate, scale and shift slices, and change each channel's intensity.

    Parameters
    ----------
    images : Tensor
        ``(slices, channels, h, w)``, normalised.
    tissue : Tensor
        Bool ``(slices, 1, h, w)``.
    generator : torch.Generator
        On the CPU, so that a seed gives the same views on every device.

    Returns
    -------
    tuple of Tensor
        Images and tissue in their shapes.
    """
    count, channels, height, width = images.shape

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * 2 - 1

    angle = draw(count) * ROTATION
    scale = 1 + draw(count) * SCALE
    flips = draw(count, 2).sign()
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    # Grid coordinates run from -1 to 1 along both axes: the aspect keeps angles true.
    aspect = height / width
    grid = torch.stack(
        [
            torch.stack([cosine * flips[:, 0], -sine * flips[:, 1] * aspect], 1),
            torch.stack([sine * flips[:, 0] / aspect, cosine * flips[:, 1]], 1),
        ],
        1,
    )
    theta = torch.cat([grid, draw(count, 2, 1) * SHIFT], 2).to(images.device)
    both = torch.cat([images, tissue.to(images.dtype)], 1)
    both = F.grid_sample(both, F.affine_grid(theta, list(both.shape), False), align_corners=False)
    tissue = both[:, -1:] > 0.5
    gain = 1 + draw(count, channels, 1, 1) * GAIN
    offset = draw(count, channels, 1, 1) * OFFSET
    images = both[:, :-1] * gain.to(images.device) + offset.to(images.device)
    return images * tissue, tissue
