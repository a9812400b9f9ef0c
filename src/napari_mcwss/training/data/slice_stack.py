"""Slices of many scans, brought to one size when they are taken."""

from collections.abc import Sequence

import torch
from torch import Tensor


class SliceStack:
    """Maps ``(slices, ..., h, w)`` of one or more scans, centred in the size of the largest.

    The `scans` themselves stay as they are, in memory or in a file.
    """

    def __init__(self, scans: Sequence[Tensor]) -> None:
        self.scans = tuple(scans)
        counts = torch.tensor([len(scan) for scan in scans])
        self._starts = counts.cumsum(0) - counts
        self._count = int(counts.sum())
        self._size = max(scan.shape[-2] for scan in scans), max(scan.shape[-1] for scan in scans)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as a tensor: ``(slices, ..., h, w)``."""
        return (self._count, *self.scans[0].shape[1:-2], *self._size)

    @property
    def dtype(self) -> torch.dtype:
        """Data type of all scans."""
        return self.scans[0].dtype

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, indices: Tensor) -> Tensor:
        """Copy slices ``(n,)``, -1 the last, into a new tensor ``(n, ..., h, w)``."""
        indices = indices % max(1, self._count)
        first, (height, width) = self.scans[0], self._size
        taken = first.new_zeros(len(indices), *first.shape[1:-2], height, width)
        scans = torch.searchsorted(self._starts, indices, right=True) - 1
        positions = indices - self._starts[scans]
        for target, scan, position in zip(taken, scans.tolist(), positions.tolist(), strict=True):
            maps = self.scans[scan][position]
            rows, columns = maps.shape[-2:]
            top, left = (height - rows) // 2, (width - columns) // 2
            target[..., top : top + rows, left : left + columns] = maps
        return taken
