"""The ``local`` preset: evidence with a small reach, and contrast inside the regions found.

A network that sees the whole slice can explain a tag by anything that occurs together
with the class. This one sees about 44 mm. Its second phase separates classes that
usually occur together: inside the region of the parent, it looks for what only slices
with both classes hold.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.model.class_hierarchy import child_parent_pairs, cover_children
from napari_mcwss.model.guided_filter import guided_filter
from napari_mcwss.model.losses import classification_loss, extent_loss, weighted_cross_entropy
from napari_mcwss.model.maps import mean_within, smooth_maximum
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN, Maps, TaggedBatch
from napari_mcwss.model.presets.hierarchical import HierarchicalPreset
from napari_mcwss.model.presets.local_networks import PixelNetwork, RegionNetwork

REGION_REACH = 44.0
"""Extent in mm that the region network sees, approximately: it has whole resolutions."""

CONTRAST_REACHES = (3.0, 7.0)
"""Extent in mm that each contrast network sees.

With a larger reach they would see the size of a lesion, and explain the tags by it.
"""

REGION_PHASE = 0.6
"""Share of the training for the regions; the rest is for the contrast."""

EXTENT_PRIOR = 0.15
"""Weight of present slices in the extent loss of the regions, see `extent_loss`."""

CONTRAST_PRIOR = 0.4
"""Weight of pixels inside the region on slices where both classes are present."""

MAXIMUM = 0.5
"""Weight of the cross-entropy of the smooth maximum, relative to that of the pixels."""

EXPLAINED = 0.16
"""Weighted cross-entropy of a class below which the shallow head explains its tags."""

MOMENTUM = 0.98
"""Momentum, per batch, of the running mean of that cross-entropy."""

EDGE_RADIUS = 6.0
"""Radius in mm of the guided filter, which fits the borders of regions to the image."""


class Local(HierarchicalPreset):
    """Regions of classes, and the contrast of classes inside the regions of their parents."""

    adapts_to_scan: ClassVar[bool] = True

    contrasted: Tensor
    shallow_loss: Tensor

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        super().__init__(channels, classes, width, pixel)
        self.regions = RegionNetwork(channels, classes, width, REGION_REACH / pixel)
        self.contrasts = nn.ModuleList(
            PixelNetwork(channels, classes, width, reach / pixel) for reach in CONTRAST_REACHES
        )
        # A training that was stopped in its first phase has only regions.
        self.register_buffer("contrasted", torch.tensor(False))
        # It starts above the loss of guessing, so that a short training proves nothing.
        self.register_buffer("shallow_loss", torch.ones(classes))

    @property
    def nesting(self) -> list[int]:
        """Index of each class's parent, once the contrast has been trained; -1 for none."""
        return super().nesting if self.contrasted else [-1] * self.classes

    @property
    def divided_last(self) -> list[tuple[int, int]]:
        """Pairs of child and parent that the contrast phase separates."""
        return self._pairs()

    def draw_weights(self, tags: Tensor, progress: float) -> Tensor | None:
        """In the contrast phase, draw slices of both classes as often as of the parent alone."""
        if not self._contrasts_at(progress):
            return None
        weights = torch.zeros(len(tags))
        for child, parent in self._pairs():
            for tag in (PRESENT, ABSENT):
                chosen = (tags[:, parent] == PRESENT) & (tags[:, child] == tag)
                weights += chosen / chosen.sum().clamp_min(1)
        return weights

    @property
    def phase_starts(self) -> tuple[float, ...]:
        """Progress at which regions and, if any class has a parent, contrast begin."""
        return (0.0, REGION_PHASE) if self._pairs() else (0.0,)

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Return the classification and extent terms of the regions, or the contrast term."""
        if self._contrasts_at(batch.progress):
            return {"contrast": self._contrast_loss(batch)}
        foreground = batch.foreground.to(batch.images.dtype)
        deep, shallow = self.regions(batch.images)
        scores = [smooth_maximum(evidence, foreground) for evidence in (deep, shallow)]
        self._update_shallow_loss(scores[1].detach(), batch)
        tags, frequency = batch.tags, batch.frequency
        return {
            "classification": MAXIMUM
            * torch.stack([classification_loss(s, tags, frequency) for s in scores]).sum(),
            "extent": torch.stack(
                [extent_loss(e, foreground, tags, frequency, EXTENT_PRIOR) for e in (deep, shallow)]
            ).sum(),
        }

    def score(self, images: Tensor, foreground: Tensor) -> Tensor:
        """Return the probability ``(slices, classes)`` that each class is on the slice."""
        return smooth_maximum(self.regions(images)[0], foreground).sigmoid()

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Return scores and CAMs: regions, which cover the classes inside them, and contrasts."""
        foreground = foreground.to(images.dtype)
        deep, shallow = self.regions(images)
        scores = smooth_maximum(deep, foreground).sigmoid()
        cams = self._combine_heads(deep, shallow).sigmoid() * foreground
        if self.contrasted:
            cams = cover_children(cams, self._pairs())
            contrast = self._contrast(images)
            for child, _ in self._pairs():
                cams[:, child] = contrast[:, child] * foreground[:, 0]
        return Maps(scores, cams)

    def fit_to_image(self, cams: Tensor, images: Tensor, foreground: Tensor) -> Tensor:
        """Fit the borders of regions to the image; contrasts are left as they are."""
        regions = [k for k, parent in enumerate(self.nesting) if parent < 0]
        radius = max(1, round(EDGE_RADIUS / self.pixel))
        fitted = cams.clone()
        fitted[:, regions] = guided_filter(cams[:, regions], images, radius).to(cams.dtype)
        return fitted.clamp(0, 1) * foreground

    @property
    def inspected(self) -> nn.Module:
        """The coarsest block of the region network."""
        return self.regions.down[-1]

    def other_maps(
        self, images: Tensor, foreground: Tensor, references: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return both heads of the regions, unfiltered, and the contrast of children."""
        deep, shallow = (evidence.sigmoid() * foreground for evidence in self.regions(images))
        maps = {"deep": deep, "shallow": shallow}
        if self.contrasted:
            inside = torch.zeros(self.classes, device=images.device)
            inside[[child for child, _ in self._pairs()]] = 1
            maps["contrast"] = self._contrast(images) * inside[:, None, None] * foreground
        return maps | super().other_maps(images, foreground, references)

    def _contrasts_at(self, progress: float) -> bool:
        return progress >= REGION_PHASE and bool(self._pairs())

    def _pairs(self) -> list[tuple[int, int]]:
        return child_parent_pairs(self.parents.tolist())

    def _contrast(self, images: Tensor) -> Tensor:
        return torch.stack([net(images).sigmoid() for net in self.contrasts]).mean(0)

    def _update_shallow_loss(self, scores: Tensor, batch: TaggedBatch) -> None:
        losses = weighted_cross_entropy(scores, batch.tags, batch.frequency)
        known = (batch.tags != UNKNOWN).sum(0)
        mean = losses.sum(0) / known.clamp_min(1)
        updated = MOMENTUM * self.shallow_loss + (1 - MOMENTUM) * mean
        self.shallow_loss.copy_(torch.where(known > 0, updated, self.shallow_loss))

    def _combine_heads(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Average the evidence of both heads for the classes whose tags the shallow one explains.

        The deep head also sees a lesion from a pixel beside it, so its evidence there
        is not specific to the pixel.
        """
        explained = (self.shallow_loss < EXPLAINED)[:, None, None]
        return torch.where(explained, (deep + shallow) / 2, deep)

    def _contrast_loss(self, batch: TaggedBatch) -> Tensor:
        self.contrasted.fill_(True)
        child, parent = torch.tensor(self._pairs(), device=batch.tags.device).T
        self.regions.eval()
        with torch.no_grad():
            evidence = self._combine_heads(*self.regions(batch.images))
            regions = cover_children(evidence.sigmoid(), self._pairs())
        inside = ((regions[:, parent] > 0.5) & batch.foreground).to(batch.images.dtype)
        tags = batch.tags[:, child]
        applies = (batch.tags[:, parent] == PRESENT) & (tags != UNKNOWN) & inside.any(-1).any(-1)
        present = (tags == PRESENT).to(batch.images.dtype)
        losses = []
        for network in self.contrasts:
            evidence = network(batch.images)[:, child]
            pixels = torch.where(
                tags[..., None, None] == PRESENT,
                CONTRAST_PRIOR * F.softplus(-evidence),
                F.softplus(evidence),
            )
            maximum = smooth_maximum(evidence, inside)
            slices = F.binary_cross_entropy_with_logits(maximum, present, reduction="none")
            terms = mean_within(pixels, inside) + MAXIMUM * slices
            losses.append((terms * applies).sum() / applies.sum().clamp_min(1))
        return torch.stack(losses).sum()
