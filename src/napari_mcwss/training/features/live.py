"""Small heads that follow the tags while they are made: fitted within seconds."""

from collections.abc import Generator, Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.heads import FeatureHeads
from napari_mcwss.model.inputs import resample
from napari_mcwss.model.maps import smooth_maximum
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN
from napari_mcwss.model.presets.features import REGION_STRIDE
from napari_mcwss.training.features.feature_set import FeatureSet, ScanFeatures
from napari_mcwss.training.features.fit import DECAY, region_loss
from napari_mcwss.training.features.seeding import seeded
from napari_mcwss.training.features.steps import (
    BATCH,
    batch_on,
    draw_rows,
    feature_statistics,
    foreground_at,
    set_rate,
    take_step,
)
from napari_mcwss.training.features.store import EncodedScan

HEADS, HIDDEN = 2, 32
"""Heads, and features of the hidden layer of each."""

LIVE_RATE = 5e-3
"""Higher than that of long fits: the steps are few."""

FIRST_STEPS, NEXT_STEPS = 80, 30
"""Steps of heads that begin anew, and of those that know the tags but for the last ones."""


def live_data(
    scans: Sequence[EncodedScan], tags: Sequence[NDArray[np.int8]], strides: Sequence[int]
) -> FeatureSet:
    """Gather what live heads learn from.

    Parameters
    ----------
    scans : sequence of EncodedScan
    tags : sequence of ndarray
        Of all slices of each scan, int8 ``(slices, classes)``.
    strides : sequence of int
        Of the levels of the encoder.

    Returns
    -------
    FeatureSet
        The tagged slices, with the levels that live heads read.
    """
    chosen = _chosen(strides)
    finest = strides[chosen[0]]
    parts, known = [], []
    for scan, values in zip(scans, tags, strict=True):
        table = torch.from_numpy(values)[scan.position]
        rows = (table != UNKNOWN).any(1).nonzero().squeeze(1)
        foreground = scan.features.foreground[rows]
        parts.append(
            ScanFeatures(
                tuple(scan.features.levels[k][rows] for k in chosen),
                foreground_at(foreground, finest, strides[0]),
            )
        )
        known.append(table[rows])
    return FeatureSet(parts, torch.cat(known), [strides[k] for k in chosen])


def missing_tags(tags: NDArray[np.int8], classes: Sequence[str]) -> dict[str, str]:
    """Return which tags a class lacks before it can be learnt, ``present`` or ``absent``.

    Of a class without any tag, it is ``present``. Classes that lack nothing are left out.
    """
    missing: dict[str, str] = {}
    for name, column in zip(classes, tags.T, strict=True):
        for tag, word in ((PRESENT, "present"), (ABSENT, "absent")):
            if not (column == tag).any():
                missing.setdefault(name, word)
    return missing


def fit_live(
    data: FeatureSet, previous: FeatureHeads | None, steps: int, seed: int = 0
) -> Generator[float, None, FeatureHeads]:
    """Fit heads to tags; closing the generator stops. The seed alone decides random numbers.

    Parameters
    ----------
    data : FeatureSet
        From `live_data`.
    previous : FeatureHeads, optional
        Heads for the same classes, to begin from; they are not changed.
    steps : int
        Steps of `BATCH` slices.

    Yields
    ------
    float
        The share that is done, 0..1.
    """
    generator = torch.Generator().manual_seed(seed)
    return seeded(_fit(data, previous, steps, generator), seed)


def _fit(
    data: FeatureSet, previous: FeatureHeads | None, steps: int, generator: torch.Generator
) -> Generator[float, None, FeatureHeads]:
    if previous is None:
        widths = [level.shape[1] for level in data.scans[0].levels]
        heads = FeatureHeads(widths, data.tags.shape[1], HEADS, HIDDEN)
        heads.standardise(*feature_statistics(data, generator))
    else:
        heads = deepcopy(previous)
    heads.train()
    optimiser = torch.optim.AdamW(
        [p for p in heads.parameters() if p.requires_grad], LIVE_RATE, weight_decay=DECAY
    )
    device, frequency = heads.bias.device, data.frequency
    for step, rows in enumerate(draw_rows(len(data), steps, generator)):
        set_rate(optimiser, LIVE_RATE, step, steps)
        batch = batch_on(device, data.take(rows))
        evidence = _evidence(heads, batch.levels, data.strides)
        inside = foreground_at(batch.foreground, REGION_STRIDE, data.strides[0])
        inside = inside[:, None].expand(-1, HEADS, -1, -1, -1).flatten(0, 1)
        tags = batch.tags[:, None].expand(-1, HEADS, -1).flatten(0, 1)
        take_step(optimiser, region_loss(evidence.flatten(0, 1), inside, tags, frequency))
        yield (step + 1) / steps
    return heads.eval()


@torch.inference_mode()
def live_maps(
    heads: FeatureHeads, scan: EncodedScan, slice_index: int, strides: Sequence[int]
) -> NDArray[np.uint8]:
    """Return the maps of a slice: uint8 ``(classes, y, x)``, 255 for a probability of 1.

    A slice without foreground has none: its maps are 0.
    """
    rows = (scan.position == slice_index).nonzero().squeeze(1)
    maps = np.zeros((heads.bias.shape[1], *scan.shape), np.uint8)
    if len(rows):
        evidence, inside = _slices(heads, scan, rows, strides)
        fine = F.interpolate(evidence, scale_factor=REGION_STRIDE, mode="bilinear").sigmoid()
        covered = F.interpolate(inside, scale_factor=REGION_STRIDE, mode="bilinear")
        height, width = scan.size
        found = (fine * (covered > 0.5))[..., :height, :width]
        window = scan.window
        size = window[0].stop - window[0].start, window[1].stop - window[1].start
        maps[:, window[0], window[1]] = (resample(found, size)[0] * 255).round().byte().numpy()
    return maps


@torch.inference_mode()
def live_scores(
    heads: FeatureHeads, scan: EncodedScan, slices: int, strides: Sequence[int]
) -> NDArray[np.float32]:
    """Return the probability of each class on all slices of a scan, ``(slices, classes)``."""
    scores = np.zeros((slices, heads.bias.shape[1]), np.float32)
    for rows in torch.arange(len(scan.position)).split(BATCH):
        evidence, inside = _slices(heads, scan, rows, strides)
        scores[scan.position[rows]] = smooth_maximum(evidence, inside).sigmoid().numpy()
    return scores


def _slices(
    heads: FeatureHeads, scan: EncodedScan, rows: Tensor, strides: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return evidence ``(n, classes, h, w)`` and the share of foreground at `REGION_STRIDE`."""
    chosen = _chosen(strides)
    levels = [scan.features.levels[k][rows].float() for k in chosen]
    evidence = _evidence(heads, levels, [strides[k] for k in chosen]).mean(1)
    return evidence, foreground_at(
        scan.features.foreground[rows].float(), REGION_STRIDE, strides[0]
    )


def _evidence(heads: FeatureHeads, levels: Sequence[Tensor], strides: Sequence[int]) -> Tensor:
    height, width = levels[0].shape[-2:]
    size = height * strides[0] // REGION_STRIDE, width * strides[0] // REGION_STRIDE
    evidence: Tensor = heads(levels, size)
    return evidence


def _chosen(strides: Sequence[int]) -> list[int]:
    """Return the levels that live heads read: finer ones cost time and say little."""
    return [k for k, stride in enumerate(strides) if stride >= REGION_STRIDE] or [len(strides) - 1]
