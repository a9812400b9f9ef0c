"""The ``mcwss`` preset: the paper's method, corrected."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from napari_mcwss.model.losses import (
    classification_loss,
    cross_guidance_loss,
    extent_loss,
    mutual_exclusion_loss,
)
from napari_mcwss.model.maps import evidence, foreground_at, fuse, pool, upsample
from napari_mcwss.model.network import MultiLevelNetwork
from napari_mcwss.model.preset import Maps, Preset, TaggedBatch

WEIGHTS = {
    "classification": 1.0,
    "extent": 1.0,
    "exclusion": 1.0,
    "decomposed": 0.2,
    "guidance": 0.05,
}
"""Weight of each loss term."""


class Mcwss(Preset):
    """The paper's network, for any number of classes and channels, slice size and batch."""

    trains_in_parts: ClassVar[bool] = False

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        super().__init__(channels, classes, width, pixel)
        self.network = MultiLevelNetwork(channels, classes, width)

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Return classification, extent, exclusion, decomposed and guidance terms."""
        tags, frequency = batch.tags, batch.frequency
        joint = batch.joint_tags
        features = self.network.encode(batch.images)
        single = [evidence(logits) for logits in self.network.single_heads(features)]
        decomposed = [evidence(logits) for logits in self.network.decompose(features)]
        foreground = [foreground_at(batch.foreground, level) for level in single]
        # Only the shallow level decides how far a class extends: it sees too little
        # to mark a pixel because of what the slice holds elsewhere.
        shallow, shallow_decomposed = single[0], decomposed[0]
        guidance = [
            cross_guidance_loss(one.sigmoid(), other.sigmoid(), where, joint)
            for one, other, where in zip(single, decomposed, foreground, strict=True)
        ]
        terms = {
            "classification": _classification(single, foreground, tags, frequency),
            "extent": extent_loss(shallow, foreground[0], tags, frequency),
            "exclusion": mutual_exclusion_loss(shallow, foreground[0], tags, frequency),
            "decomposed": _classification(decomposed, foreground, joint, frequency)
            + extent_loss(shallow_decomposed, foreground[0], joint, frequency),
            "guidance": torch.stack(guidance).mean(),
        }
        return {name: WEIGHTS[name] * term for name, term in terms.items()}

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Return scores and CAMs of the single branch."""
        levels = [evidence(logits) for logits in self.network(images)]
        pooled = pool(levels, [foreground_at(foreground, level) for level in levels])
        cams = fuse(levels, (images.shape[-2], images.shape[-1])) * foreground
        return Maps(torch.stack(pooled).sigmoid().mean(0), cams)

    @property
    def inspected(self) -> nn.Module:
        """The block below the shallow heads."""
        return self.network.encoder.blocks[2]

    def other_maps(
        self, images: Tensor, foreground: Tensor, references: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return each level and their product, of the single and the decomposed branch."""
        size = (images.shape[-2], images.shape[-1])
        features = self.network.encode(images)
        branches = {"single": list(self.network.single_heads(features))}
        if references is not None:
            pairs = self.network.encode(torch.cat([images, references]))
            both = self.network.decompose(pairs)
            branches["decomposed"] = [logits.chunk(2)[0] for logits in both]
        maps = {}
        for branch, logits in branches.items():
            levels = [evidence(level) for level in logits]
            maps[branch] = fuse(levels, size) * foreground
            for name, level in zip(("shallow", "deep"), levels, strict=True):
                maps[f"{branch}, {name}"] = upsample(level, size).sigmoid() * foreground
        return maps | super().other_maps(images, foreground, references)


def _classification(
    levels: list[Tensor], foreground: list[Tensor], tags: Tensor, frequency: Tensor
) -> Tensor:
    losses = [classification_loss(scores, tags, frequency) for scores in pool(levels, foreground)]
    return torch.stack(losses).mean()
