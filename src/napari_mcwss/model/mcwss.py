"""The ``mcwss`` preset: the paper's method, corrected."""

from collections import defaultdict

import torch
from torch import Tensor

from napari_mcwss.model.losses import (
    classification_loss,
    cross_guidance_loss,
    extent_loss,
    mutual_exclusion_loss,
)
from napari_mcwss.model.maps import evidence, fuse, smooth_maximum, tissue_at
from napari_mcwss.model.network import MultiLevelNetwork
from napari_mcwss.model.preset import Maps, PairBatch, Preset

WEIGHTS = {
    "classification": 0.5,
    "extent": 1.0,
    "exclusion": 0.5,
    "decomposed": 0.5,
    "guidance": 0.1,
}
"""Weight of each loss term; `classification` and `extent` make the single branch."""


class Mcwss(Preset):
    """Any number of classes and channels, any slice size, any batch.

    Parameters
    ----------
    channels, classes, width : int
        As in `MultiLevelNetwork`.
    """

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__(channels, classes, width)
        self.network = MultiLevelNetwork(channels, classes, width)

    def losses(self, batch: PairBatch) -> dict[str, Tensor]:
        """Give classification, extent, exclusion, decomposed and guidance terms."""
        tags, frequency = batch.tags, batch.frequency
        features = self.network.encode(batch.images)
        single = [evidence(logits) for logits in self.network.single_heads(features)]
        decomposed = [evidence(logits) for logits in self.network.decompose(features)]
        joint = batch.joint_tags

        terms: dict[str, list[Tensor]] = defaultdict(list)
        for level, shared in zip(single, decomposed, strict=True):
            tissue = tissue_at(batch.tissue, level)
            pooled = smooth_maximum(level, tissue)
            pooled_shared = smooth_maximum(shared, tissue)
            terms["classification"].append(classification_loss(pooled, tags, frequency))
            terms["extent"].append(extent_loss(level, tissue, tags, frequency))
            terms["exclusion"].append(mutual_exclusion_loss(level, tissue, tags, frequency))
            terms["decomposed"].append(
                classification_loss(pooled_shared, joint, frequency)
                + extent_loss(shared, tissue, joint, frequency)
            )
            terms["guidance"].append(
                cross_guidance_loss(level.sigmoid(), shared.sigmoid(), tissue, joint)
            )
        return {name: WEIGHTS[name] * torch.stack(parts).mean() for name, parts in terms.items()}

    def predict(self, images: Tensor, tissue: Tensor) -> Maps:
        """Give scores and CAMs from the single branch alone."""
        levels = [evidence(logits) for logits in self.network(images)]
        pooled = [smooth_maximum(level, tissue_at(tissue, level)) for level in levels]
        cams = fuse(levels, (images.shape[-2], images.shape[-1]))
        return Maps(torch.stack(pooled).mean(0).sigmoid(), cams * tissue)
