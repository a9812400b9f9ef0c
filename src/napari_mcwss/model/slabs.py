"""Stacks: the neighbouring slices that a network in three dimensions reads at once."""

import torch
from torch import Tensor


def stride_of(spacing: float, pixel: float) -> int:
    """Give how many slices further the next one of a stack is, for voxels as deep as they are wide.

    Parameters
    ----------
    spacing : float
        Millimetres between slices.
    pixel : float
        Millimetres between the pixels that are read.
    """
    return max(1, round(pixel / spacing))


def windows(slices: Tensor, depth: int, stride: int, batch: int) -> list[tuple[Tensor, Tensor]]:
    """Divide the slices of a scan into what a network reads at once.

    Parameters
    ----------
    slices : Tensor
        Indices, ascending.
    depth : int
        Slices of a stack; 1 for networks that read each slice for itself.
    stride : int
        As `stride_of` gives it.
    batch : int
        Slices at a time where each is read for itself.

    Returns
    -------
    list of (Tensor, Tensor)
        Indices, and the weights of what is found there: those of a slice have the sum 1.
        Stacks overlap by half, and weigh most in their middle.
    """
    if depth == 1:
        return [(part, torch.ones(len(part))) for part in slices.split(batch)]
    parts = []
    for chain in (slices[first::stride] for first in range(min(stride, len(slices)))):
        last = max(0, len(chain) - depth)
        parts += [chain[start : start + depth] for start in (*range(0, last, depth // 2), last)]
    weights = [torch.hann_window(len(part) + 2, periodic=False)[1:-1] for part in parts]
    total = torch.zeros(int(slices.max()) + 1 if len(slices) else 0)
    for part, share in zip(parts, weights, strict=True):
        total[part] += share
    return [(part, share / total[part]) for part, share in zip(parts, weights, strict=True)]


def stack_around(index: int, slices: int, depth: int, stride: int) -> Tensor:
    """Give the stack that holds a slice, in its middle as far as a scan of so many slices goes.

    Parameters
    ----------
    index, slices : int
        The slice, and how many there are.
    depth, stride : int
        As in `windows`.

    Returns
    -------
    Tensor
        Indices, at most ``depth``, of which one is that of the slice.
    """
    chain = torch.arange(index % stride, slices, stride)
    start = max(0, min(index // stride - depth // 2, len(chain) - depth))
    return chain[start : start + depth]
