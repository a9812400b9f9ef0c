"""Fitting the heads of the preset ``features`` to tags: all heads at once."""

from collections.abc import Generator

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.losses import classification_loss, extent_loss
from napari_mcwss.model.maps import smooth_maximum
from napari_mcwss.model.preset import ABSENT, UNKNOWN
from napari_mcwss.model.presets.features import (
    DETAIL_STRIDE,
    HEADS,
    JUDGED,
    REGION_STRIDE,
    SHARPNESS,
    Features,
)
from napari_mcwss.training.features.feature_set import FeatureSet
from napari_mcwss.training.features.fit_masks import fit_masks, mask_rounds
from napari_mcwss.training.features.seeding import seeded
from napari_mcwss.training.features.steps import (
    BATCH,
    PIXELS,
    FitProgress,
    batch_on,
    draw_rows,
    feature_statistics,
    foreground_at,
    held_out_regions,
    set_rate,
    take_step,
)

RATE, DETAIL_RATE = 5e-3, 3e-3
DECAY = 1e-4

REGION_STEPS, DETAIL_STEPS = 120, 300
"""Steps of `BATCH` slices for the regions, and of `PIXELS` pixels for their details."""

PIXELS_OF_SLICE, MOST_PIXELS = 800, 400_000
"""Pixels sampled from a slice, and from all slices, for details."""

PRIOR = 0.05
"""Weight of present slices in the extent loss, see `extent_loss`."""

MAXIMUM = 1.0
"""Weight of the cross-entropy of the smooth maximum, relative to that of the pixels."""


def fit_heads(
    preset: Features,
    data: FeatureSet,
    *,
    seed: int = 0,
    region_steps: int = REGION_STEPS,
    detail_steps: int = DETAIL_STEPS,
) -> Generator[FitProgress, None, Tensor]:
    """Fit all heads of a preset, which is on the device to train on.

    `JUDGED` heads hold a part of the scans back, and are judged by their tags; regions are the
    mean of all heads. Masks, if there are any, take the place of details: see `fit_masks`. Yield
    after every step; closing the generator stops. Return the scores ``(slices, classes)``,
    log-odds, of the tags by the heads that hold back the slice's scan.
    """
    generator = torch.Generator().manual_seed(seed)
    return seeded(_fit_all(preset, data, generator, region_steps, detail_steps), seed)


def _fit_all(
    preset: Features,
    data: FeatureSet,
    generator: torch.Generator,
    region_steps: int,
    detail_steps: int,
) -> Generator[FitProgress, None, Tensor]:
    device = preset.share.device
    _standardise(preset, data, generator)
    held = _held_back(data, generator).to(device)
    rounds = mask_rounds(data)
    total = region_steps + detail_steps * (rounds or 1)
    optimiser = torch.optim.AdamW(
        [p for p in preset.heads.parameters() if p.requires_grad], RATE, weight_decay=DECAY
    )
    frequency = data.frequency.to(device)
    preset.train()
    for step, rows in enumerate(draw_rows(len(data), region_steps, generator)):
        set_rate(optimiser, RATE, step, region_steps)
        batch = batch_on(device, data.take(rows))
        tags = batch.tags[:, None].expand(-1, HEADS, -1)
        tags = tags.masked_fill(held[rows][..., None], UNKNOWN).flatten(0, 1)
        inside = foreground_at(batch.foreground, REGION_STRIDE, data.strides[0])
        inside = inside[:, None].expand(-1, HEADS, -1, -1, -1).flatten(0, 1)
        loss = region_loss(preset.regions(batch.levels).flatten(0, 1), inside, tags, frequency)
        take_step(optimiser, loss)
        yield FitProgress({"regions": float(loss.detach())}, (step + 1) / total)
    scores = _judge(preset, data, held)
    begun = region_steps / total
    if rounds:
        yield from fit_masks(preset, data, held, generator, detail_steps, begun)
    else:
        yield from _fit_details(preset, data, generator, detail_steps, begun)
    preset.eval()
    return scores


def region_loss(maps: Tensor, inside: Tensor, tags: Tensor, frequency: Tensor) -> Tensor:
    """Return the loss of evidence ``(slices, classes, h, w)``, see `extent_loss`."""
    scores = smooth_maximum(maps, inside, SHARPNESS)
    extent = extent_loss(maps, inside, tags, frequency, PRIOR)
    return extent + MAXIMUM * classification_loss(scores, tags, frequency)


def _fit_details(
    preset: Features, data: FeatureSet, generator: torch.Generator, steps: int, begun: float
) -> Generator[FitProgress, None, None]:
    """Let details learn the regions, as probabilities, from pixels of all slices.

    What also lies outside of regions, on any slice, becomes improbable within them.
    """
    preset.eval()
    parts = []
    for rows in torch.arange(len(data)).split(BATCH):
        parts.append(_sample_pixels(preset, data, rows, generator))
        yield FitProgress({}, begun)
    features, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    preset.share.copy_(targets.mean(0).clamp(1e-4, 1 - 1e-4).logit())
    optimiser = torch.optim.AdamW(
        [p for p in preset.details.parameters() if p.requires_grad], DETAIL_RATE, weight_decay=DECAY
    )
    preset.train()
    for step in range(steps):
        set_rate(optimiser, DETAIL_RATE, step, steps)
        rows = torch.randint(0, len(features), (PIXELS,), generator=generator)
        evidence = preset.details(features[rows, :, None, None])[..., 0, 0]
        loss = F.binary_cross_entropy_with_logits(evidence, targets[rows])
        take_step(optimiser, loss)
        yield FitProgress(
            {"details": float(loss.detach())}, begun + (1 - begun) * (step + 1) / steps
        )


@torch.no_grad()
def _sample_pixels(
    preset: Features, data: FeatureSet, rows: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return features ``(pixels, features)`` and regions ``(pixels, classes)`` of some pixels."""
    batch = batch_on(preset.share.device, data.take(rows))
    features = preset.pixel_features(batch.levels)
    region = F.interpolate(
        preset.regions(batch.levels).mean(1), features.shape[-2:], mode="bilinear"
    )
    target = region.sigmoid() * (batch.tags != ABSENT)[..., None, None]
    inside = foreground_at(batch.foreground, DETAIL_STRIDE, data.strides[0])[:, 0] > 0.5
    pixels = inside.flatten().nonzero().squeeze(1)
    few = max(1, min(PIXELS_OF_SLICE, MOST_PIXELS // len(data))) * len(rows)
    chosen = pixels[torch.randperm(len(pixels), generator=generator)[:few].to(pixels.device)]
    return (
        features.movedim(1, -1).flatten(0, 2)[chosen],
        target.movedim(1, -1).flatten(0, 2)[chosen],
    )


@torch.no_grad()
def _judge(preset: Features, data: FeatureSet, held: Tensor) -> Tensor:
    preset.eval()
    scores = []
    for rows in torch.arange(len(data)).split(BATCH):
        batch = batch_on(preset.share.device, data.take(rows))
        inside = foreground_at(batch.foreground, REGION_STRIDE, data.strides[0])
        maps = held_out_regions(preset, batch, held[rows])
        scores.append(smooth_maximum(maps, inside, SHARPNESS).cpu())
    return torch.cat(scores)


def _held_back(data: FeatureSet, generator: torch.Generator) -> Tensor:
    """Return which heads hold each slice back: bool ``(slices, HEADS)``."""
    scans = len(data.scans)
    part = torch.randperm(scans, generator=generator) % JUDGED
    if scans == 1:
        part = torch.full((1,), -1)
    return part[data.scan][:, None] == torch.arange(HEADS)


def _standardise(preset: Features, data: FeatureSet, generator: torch.Generator) -> None:
    means, deviations = feature_statistics(data, generator)
    for heads, chosen in (
        (preset.heads, preset.large_levels),
        (preset.details, preset.small_levels),
    ):
        heads.standardise([means[k] for k in chosen], [deviations[k] for k in chosen])
