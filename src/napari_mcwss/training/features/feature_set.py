"""Features of slices with their tags, from which heads learn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from napari_mcwss.model.encoders.slices import MULTIPLE, pad_levels
from napari_mcwss.model.preset import PRESENT, UNKNOWN


class FeatureBatch(NamedTuple):
    """Some slices of a `FeatureSet`, padded to the largest of them."""

    levels: list[Tensor]
    foreground: Tensor
    tags: Tensor


@dataclass(frozen=True)
class ScanFeatures:
    """Features of some slices of one scan.

    Attributes
    ----------
    levels : tuple of Tensor
        One map per level, float16 ``(slices, features, h, w)``, see `encode_slices`.
    foreground : Tensor
        Share of foreground, float16 ``(slices, 1, h, w)`` at the finest stride.
    mask : Tensor, optional
        Shares of background and each class in the pixels of details, float16
        ``(slices, classes + 1, h, w)``, of a scan whose mask is given.
    depth : Tensor, optional
        Place of each slice along the scan, in pixels of details, ``(slices,)``.
    """

    levels: tuple[Tensor, ...]
    foreground: Tensor
    mask: Tensor | None = None
    depth: Tensor | None = None


@dataclass(frozen=True)
class FeatureSet:
    """Features and tags of the slices of some scans, scan after scan.

    Attributes
    ----------
    scans : sequence of ScanFeatures
        The scans; each keeps its own size.
    tags : Tensor
        Int8 ``(slices, classes)``: 1 present, 0 absent, -1 unknown.
    strides : sequence of int
        Pixels per pixel of each level.
    """

    scans: Sequence[ScanFeatures]
    tags: Tensor
    strides: Sequence[int]

    def __len__(self) -> int:
        return len(self.tags)

    @property
    def scan(self) -> Tensor:
        """Index of each slice's scan, ``(slices,)``."""
        counts = torch.tensor([len(scan.foreground) for scan in self.scans])
        return torch.arange(len(counts)).repeat_interleave(counts)

    @property
    def frequency(self) -> Tensor:
        """Share of present among the known tags of each class, 0..1."""
        present = (self.tags == PRESENT).sum(0)
        return present / (self.tags != UNKNOWN).sum(0).clamp_min(1)

    def take(self, indices: Tensor) -> FeatureBatch:
        """Return slices ``(n,)``, padded at the bottom and right to the largest of them."""
        scan = self.scan
        first = torch.searchsorted(scan, torch.arange(len(self.scans)))
        places = [(int(scan[k]), int(k - first[scan[k]])) for k in indices]
        finest = self.strides[0]
        sides = [
            max(self.scans[s].foreground.shape[axis] for s, _ in places) * finest
            for axis in (-2, -1)
        ]
        size = (sides[0] + -sides[0] % MULTIPLE, sides[1] + -sides[1] % MULTIPLE)
        levels, foreground = [], []
        for s, k in places:
            found = self.scans[s]
            levels.append(pad_levels([level[k] for level in found.levels], size, self.strides))
            foreground += pad_levels([found.foreground[k]], size, [finest])
        return FeatureBatch(
            [torch.stack(maps) for maps in zip(*levels, strict=True)],
            torch.stack(foreground),
            self.tags[indices],
        )
