"""The second stage: a U-Net taught by the masks that the first one makes.

A network of small reach cannot be fooled by the surroundings, but cannot use
them either. Once it has said where the classes are, a network that sees the
whole slice, or the whole lesion, may learn from that.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.class_hierarchy import family_maximum, pairs_of
from napari_mcwss.model.maps import smooth_maximum
from napari_mcwss.model.preset import Maps, Preset, TaggedBatch

STRIDE = 16
"""Voxels of the finest resolution that are one of the coarsest, along each axis."""


class Refined(Preset):
    """A 2-D U-Net of five resolutions with one exclusive output a class, and the background.

    Parameters
    ----------
    channels, classes, width, pixel
        As in `Preset`.
    """

    compares_pairs: ClassVar[bool] = False
    keeps_last_epoch: ClassVar[bool] = True
    trains_in_parts: ClassVar[bool] = False
    # At a lower rate short runs end before the U-Net has learnt anything.
    rate: ClassVar[float] = 2.5
    smoothing: ClassVar[tuple[float, float, float]] = (2.0, 1.0, 1.0)
    follows_image: ClassVar[bool] = True
    dimensions: ClassVar[Literal[2, 3]] = 2
    # Instances are single slices: their own norm would hide how bright they are in their scan.
    norm: ClassVar[str] = "batch"

    parents: Tensor

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        # MONAI takes seconds to load; models of the other presets do without.
        from monai.losses.dice import DiceLoss
        from monai.networks.nets.basic_unet import BasicUNet

        super().__init__(channels, classes, width, pixel)
        features = (width, width, 2 * width, 4 * width, 8 * width, width)
        norm = (self.norm, {"affine": True})
        self.network = BasicUNet(self.dimensions, channels, classes + 1, features, norm=norm)
        self.register_buffer("parents", torch.full((classes,), -1))
        self._dice = DiceLoss(include_background=False, batch=True)

    @property
    def nesting(self) -> list[int]:
        """Each class's parent."""
        parents: list[int] = self.parents.tolist()
        return parents

    def learn_relations(self, parents: Sequence[int]) -> None:
        """Take note of each class's parent, -1 for none."""
        self.parents.copy_(torch.as_tensor(parents))

    @property
    def inspected(self) -> nn.Module:
        """The block of the third resolution."""
        block: nn.Module = self.network.down_2
        return block

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Give Dice and cross-entropy terms of the labels.

        Raises
        ------
        McwssError
            If the batch has no labels.
        """
        if batch.labels is None:
            raise McwssError("the second stage learns from labels, found none: train with refine")
        logits = self._logits(batch.images).float()
        labels = batch.labels.long()
        target = F.one_hot(labels, self.classes + 1).movedim(-1, 1)
        return {
            "cross_entropy": F.cross_entropy(logits, labels),
            "dice": self._dice(logits.softmax(1), target),
        }

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Give scores and CAMs: those of families, and the share of a class in its parent's."""
        pairs = pairs_of(self.nesting)
        outputs = self._logits(images).float().softmax(1)
        background, own = outputs[:, :1], outputs[:, 1:]
        families = family_maximum(own, pairs)
        # At 0.5 as the larger output would have it: a class against the background,
        # and a class against the one that it lies in.
        cams = families / (families + background) * foreground
        found = cams.clone()
        for child, parent in pairs:
            share = families[:, child] / (families[:, child] + own[:, parent])
            cams[:, child] = inside = share * foreground[:, 0]
            # A view of what changes next would have no gradient.
            found[:, child] = torch.minimum(found[:, parent].clone(), inside)
        scores = smooth_maximum(torch.logit(found, 1e-4), foreground.to(cams.dtype)).sigmoid()
        return Maps(scores, cams)

    def _logits(self, images: Tensor) -> Tensor:
        """Give the outputs ``(slices, classes + 1, h, w)`` for slices of any size."""
        logits: Tensor = self.network(images)
        return logits


class RefinedVolume(Refined):
    """The same in 3-D: it reads stacks of slices, so that each one counts for its neighbours.

    Parameters
    ----------
    channels, classes, width, pixel
        As in `Preset`.
    """

    depth: ClassVar[int] = 32
    dimensions: ClassVar[Literal[2, 3]] = 3
    # A stack shows most of what there is: its own norm takes away how its scanner differs.
    norm: ClassVar[str] = "instance"
    no_other_maps: ClassVar[str] = "a second stage in 3-D has features of stacks, not of slices"

    def other_maps(
        self,
        images: Tensor,  # noqa: ARG002
        foreground: Tensor,  # noqa: ARG002
        references: Tensor | None = None,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Give none: its features are of stacks, not of slices."""
        return {}

    def _logits(self, images: Tensor) -> Tensor:
        """Give the outputs of stacks, one after another, or of a single shorter one."""
        stacks = images.unflatten(0, (-1, min(self.depth, len(images)))).transpose(1, 2)
        size = stacks.shape[-3:]
        padding = [amount for n in reversed(size) for amount in (0, -n % STRIDE)]
        logits: Tensor = self.network(F.pad(stacks, padding))
        found = logits[..., : size[0], : size[1], : size[2]]
        return found.transpose(1, 2).flatten(0, 1)
