"""The ``local`` preset: evidence of a small reach, and contrast inside what it finds.

A network that sees the whole slice explains a tag by whatever comes with it.
This one sees about 44 mm. Its second stage tells classes apart that always
come together: what is particular to slices with both, inside the region that
slices with the more general one alone hold too.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.model.class_hierarchy import family_maximum, pairs_of
from napari_mcwss.model.guided_filter import guided_filter
from napari_mcwss.model.losses import classification_loss, extent_loss, tag_weights
from napari_mcwss.model.maps import mean_within, smooth_maximum
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN, Maps, Preset, TaggedBatch
from napari_mcwss.model.presets.local_networks import PixelNetwork, RegionNetwork

REGION_REACH = 44.0
"""Millimetres that the region network sees, about: the nearest number of resolutions."""

CONTRAST_REACHES = (3.0, 7.0)
"""Millimetres that each contrast network sees.

A larger reach sees how large a lesion is, and explains the tags by that.
"""

REGION_STAGE = 0.6
"""Share of the training that the regions get; the contrast gets the rest."""

EXTENT_PRIOR = 0.15
"""As in `extent_loss`, for the regions."""

CONTRAST_PRIOR = 0.4
"""Weight of a pixel's class inside the region where both classes are present."""

MAXIMUM = 0.5
"""Weight of the smooth maximum's cross-entropy beside the terms of the pixels."""

EXPLAINED = 0.16
"""Weighted cross-entropy of a class's tags from which on the surroundings add nothing."""

MEMORY = 0.98
"""Of the running mean of that cross-entropy, for each batch."""

EDGE_RADIUS = 6.0
"""Millimetres over which a region's border follows the image."""


class Local(Preset):
    """Any number of classes, of which some may be present only where others are.

    Parameters
    ----------
    channels, classes, width, pixel
        As in `Preset`.
    """

    compares_pairs: ClassVar[bool] = False
    keeps_last_epoch: ClassVar[bool] = True
    # At a lower rate, small findings are not learnt before a short run is over.
    rate: ClassVar[float] = 2.5
    smoothing: ClassVar[tuple[float, float, float]] = (2.0, 1.0, 1.0)
    follows_image: ClassVar[bool] = True
    adapts_to_scan: ClassVar[bool] = True

    parents: Tensor
    contrasted: Tensor
    shallow_loss: Tensor

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        super().__init__(channels, classes, width, pixel)
        self.regions = RegionNetwork(channels, classes, width, REGION_REACH / pixel)
        self.contrasts = nn.ModuleList(
            PixelNetwork(channels, classes, width, reach / pixel) for reach in CONTRAST_REACHES
        )
        self.register_buffer("parents", torch.full((classes,), -1))
        # A run that was stopped in its first stage has regions alone to show.
        self.register_buffer("contrasted", torch.tensor(False))
        # Of the tags of each class; more than guessing takes, so that short runs prove nothing.
        self.register_buffer("shallow_loss", torch.ones(classes))

    @property
    def nesting(self) -> list[int]:
        """Each class's parent, once the contrast has been trained."""
        return self.parents.tolist() if self.contrasted else super().nesting

    @property
    def divided_last(self) -> list[tuple[int, int]]:
        """The pairs of the contrast stage."""
        return self._pairs()

    def learn_relations(self, parents: Sequence[int]) -> None:
        """Take note of each class's parent, -1 for none."""
        self.parents.copy_(torch.as_tensor(parents))

    def draw_weights(self, tags: Tensor, progress: float) -> Tensor | None:
        """In the contrast stage, draw slices with a class and with its parent alone as often."""
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
        """Where regions and, if there is anything to tell apart, contrast begin."""
        return (0.0, REGION_STAGE) if self._pairs() else (0.0,)

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Give classification and extent terms of the regions, or the contrast term."""
        if self._contrasts_at(batch.progress):
            return {"contrast": self._contrast_loss(batch)}
        foreground = batch.foreground.to(batch.images.dtype)
        deep, shallow = self.regions(batch.images)
        scores = [smooth_maximum(evidence, foreground) for evidence in (deep, shallow)]
        self._judge_shallow(scores[1].detach(), batch)
        tags, frequency = batch.tags, batch.frequency
        return {
            "classification": MAXIMUM
            * torch.stack([classification_loss(s, tags, frequency) for s in scores]).sum(),
            "extent": torch.stack(
                [extent_loss(e, foreground, tags, frequency, EXTENT_PRIOR) for e in (deep, shallow)]
            ).sum(),
        }

    def score(self, images: Tensor, foreground: Tensor) -> Tensor:
        """Give each class's probability to be on the slice: ``(slices, classes)``."""
        return smooth_maximum(self.regions(images)[0], foreground).sigmoid()

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Give scores and CAMs: regions, which cover the classes inside them, and contrasts."""
        foreground = foreground.to(images.dtype)
        deep, shallow = self.regions(images)
        scores = smooth_maximum(deep, foreground).sigmoid()
        cams = self._joined(deep, shallow).sigmoid() * foreground
        if self.contrasted:
            cams = family_maximum(cams, self._pairs())
        radius = max(1, round(EDGE_RADIUS / self.pixel))
        cams = guided_filter(cams, images, radius).clamp(0, 1) * foreground
        if self.contrasted:
            particular = torch.stack([net(images).sigmoid() for net in self.contrasts]).mean(0)
            for child, _ in self._pairs():
                cams[:, child] = particular[:, child] * foreground[:, 0]
        return Maps(scores, cams)

    @property
    def inspected(self) -> nn.Module:
        """The coarsest block of the region network."""
        return self.regions.down[-1]

    def other_maps(
        self, images: Tensor, foreground: Tensor, references: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Give both heads of the regions, unfiltered, and the contrast of classes inside others."""
        deep, shallow = (evidence.sigmoid() * foreground for evidence in self.regions(images))
        maps = {"deep": deep, "shallow": shallow}
        if self.contrasted:
            contrast = torch.stack([net(images).sigmoid() for net in self.contrasts]).mean(0)
            inside = torch.zeros(self.classes, device=images.device)
            inside[[child for child, _ in self._pairs()]] = 1
            maps["contrast"] = contrast * inside[:, None, None] * foreground
        return maps | super().other_maps(images, foreground, references)

    def _contrasts_at(self, progress: float) -> bool:
        return progress >= REGION_STAGE and bool(self._pairs())

    def _pairs(self) -> list[tuple[int, int]]:
        return pairs_of(self.parents.tolist())

    def _judge_shallow(self, scores: Tensor, batch: TaggedBatch) -> None:
        """Take note of how well the shallow head explains the tags of each class."""
        target = (batch.tags == PRESENT).to(scores.dtype)
        losses = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
        losses = losses * tag_weights(batch.tags, batch.frequency)
        known = (batch.tags != UNKNOWN).sum(0)
        mean = losses.sum(0) / known.clamp_min(1)
        after = MEMORY * self.shallow_loss + (1 - MEMORY) * mean
        self.shallow_loss.copy_(torch.where(known > 0, after, self.shallow_loss))

    def _joined(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Join the evidence of both heads for classes that the shallow one explains.

        The deep head sees a lesion from beside it as well. Where small surroundings are
        enough, its evidence there is no more than that.
        """
        explained = (self.shallow_loss < EXPLAINED)[:, None, None]
        return torch.where(explained, (deep + shallow) / 2, deep)

    def _contrast_loss(self, batch: TaggedBatch) -> Tensor:
        self.contrasted.fill_(True)
        child, parent = torch.tensor(self._pairs(), device=batch.tags.device).T
        self.regions.eval()
        with torch.no_grad():
            evidence = self._joined(*self.regions(batch.images))
            regions = family_maximum(evidence.sigmoid(), self._pairs())
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
