"""The second stage of a training: a U-Net that learns from the masks of the first.

A network of small reach cannot be misled by the surroundings, but cannot use them
either. Once it has found the classes, a network that sees the whole slice, or the
whole lesion, can learn from its masks.
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.class_hierarchy import child_parent_pairs, cover_children
from napari_mcwss.model.maps import smooth_maximum
from napari_mcwss.model.preset import Maps, TaggedBatch
from napari_mcwss.model.presets.hierarchical import HierarchicalPreset

STRIDE = 16
"""Stride of the coarsest resolution in voxels, along each axis."""


class Refined(HierarchicalPreset):
    """A 2-D U-Net of five resolutions with exclusive outputs: the background and each class."""

    trains_in_parts: ClassVar[bool] = False
    dimensions: ClassVar[Literal[2, 3]] = 2
    # Normalising single slices would hide how bright they are within their scan.
    norm: ClassVar[str] = "batch"

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        # MONAI takes seconds to import, and the other presets do not need it.
        from monai.losses.dice import DiceLoss
        from monai.networks.nets.basic_unet import BasicUNet

        super().__init__(channels, classes, width, pixel)
        features = (width, width, 2 * width, 4 * width, 8 * width, width)
        norm = (self.norm, {"affine": True})
        self.network = BasicUNet(self.dimensions, channels, classes + 1, features, norm=norm)
        self._dice = DiceLoss(include_background=False, batch=True)

    @property
    def inspected(self) -> nn.Module:
        """The block of the third resolution."""
        block: nn.Module = self.network.down_2
        return block

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Return the Dice and cross-entropy terms of the labels."""
        if batch.labels is None:
            raise McwssError("the second stage needs labels, found none: train with refine")
        logits = self._logits(batch.images).float()
        labels = batch.labels.long()
        target = F.one_hot(labels, self.classes + 1).movedim(-1, 1)
        return {
            "cross_entropy": F.cross_entropy(logits, labels),
            "dice": self._dice(logits.softmax(1), target),
        }

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Return scores and CAMs; those of a class include its children, see `Preset.nesting`."""
        pairs = child_parent_pairs(self.nesting)
        outputs = self._logits(images).float().softmax(1)
        background, own = outputs[:, :1], outputs[:, 1:]
        covering = cover_children(own, pairs)
        # These ratios are 0.5 where the largest output changes: between a class and the
        # background, or between a child and its parent.
        cams = covering / (covering + background) * foreground
        found = cams.clone()
        for child, parent in pairs:
            share = covering[:, child] / (covering[:, child] + own[:, parent])
            cams[:, child] = inside = share * foreground[:, 0]
            # Changing a tensor in place while a view of it is in use would break gradients.
            found[:, child] = torch.minimum(found[:, parent].clone(), inside)
        scores = smooth_maximum(torch.logit(found, 1e-4), foreground.to(cams.dtype)).sigmoid()
        return Maps(scores, cams)

    def _logits(self, images: Tensor) -> Tensor:
        """Return the outputs ``(slices, classes + 1, h, w)`` for slices of any size."""
        logits: Tensor = self.network(images)
        return logits


class RefinedVolume(Refined):
    """The same U-Net in 3-D: it reads slabs, so that neighbouring slices inform each other."""

    depth: ClassVar[int] = 32
    dimensions: ClassVar[Literal[2, 3]] = 3
    # A slab shows most of the scan, so normalising it removes scanner differences.
    norm: ClassVar[str] = "instance"
    no_other_maps: ClassVar[str] = "a second stage in 3-D has features of slabs, not of slices"

    def _logits(self, images: Tensor) -> Tensor:
        """Return the outputs of slabs, one after another, or of a single shorter one."""
        slabs = images.unflatten(0, (-1, min(self.depth, len(images)))).transpose(1, 2)
        size = slabs.shape[-3:]
        padding = [amount for n in reversed(size) for amount in (0, -n % STRIDE)]
        logits: Tensor = self.network(F.pad(slabs, padding))
        cropped = logits[..., : size[0], : size[1], : size[2]]
        return cropped.transpose(1, 2).flatten(0, 1)
