"""Slabs: the neighbouring slices that a 3-D network reads at once."""

import torch
from torch import Tensor


def slab_stride(spacing: float, pixel: float) -> int:
    """Return the step between slices of a slab that makes its voxels about as deep as wide.

    Parameters
    ----------
    spacing : float
        Distance between slices in mm.
    pixel : float
        Pixel size of the network in mm.
    """
    return max(1, round(pixel / spacing))


def weighted_batches(
    slices: Tensor, depth: int, stride: int, batch_size: int
) -> list[tuple[Tensor, Tensor]]:
    """Divide the slices of a scan into batches for prediction: slabs, or single slices.

    Parameters
    ----------
    slices : Tensor
        Indices, ascending.
    depth : int
        Slices of a slab; 1 for networks that read single slices.
    stride : int
        From `slab_stride`.
    batch_size : int
        Slices per batch for networks that read single slices.

    Returns
    -------
    list of (Tensor, Tensor)
        Indices and weights of each batch. The weights of a slice sum to 1 over all
        batches. Slabs overlap by half, and their middle weighs most.
    """
    if depth == 1:
        return [(part, torch.ones(len(part))) for part in slices.split(batch_size)]
    parts = []
    for chain in (slices[first::stride] for first in range(min(stride, len(slices)))):
        last = max(0, len(chain) - depth)
        parts += [chain[start : start + depth] for start in (*range(0, last, depth // 2), last)]
    weights = [torch.hann_window(len(part) + 2, periodic=False)[1:-1] for part in parts]
    total = torch.zeros(int(slices.max()) + 1 if len(slices) else 0)
    for part, share in zip(parts, weights, strict=True):
        total[part] += share
    return [(part, share / total[part]) for part, share in zip(parts, weights, strict=True)]


def slab_around(index: int, slices: int, depth: int, stride: int) -> Tensor:
    """Return the slab with a slice in its middle, or as near to it as the scan's ends allow.

    Parameters
    ----------
    index, slices : int
        The slice, and the number of slices of the scan.
    depth, stride : int
        As in `weighted_batches`.

    Returns
    -------
    Tensor
        Indices, at most ``depth``, including ``index``.
    """
    chain = torch.arange(index % stride, slices, stride)
    start = max(0, min(index // stride - depth // 2, len(chain) - depth))
    return chain[start : start + depth]
