"""The time and memory that a stage on features would take, measured on some slices."""

import time
from collections.abc import Generator
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, cast

import torch

from napari_mcwss.model.preset import Preset
from napari_mcwss.model.presets.features import DETAIL_STRIDE, foreground_at_stride
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.events import Message
from napari_mcwss.training.features.feature_set import FeatureSet, ScanFeatures
from napari_mcwss.training.features.fit import DETAIL_STEPS, REGION_STEPS, fit_heads

if TYPE_CHECKING:
    from napari_mcwss.model.presets.features import Features

STEPS = 3
"""Steps of each part of the fit that are timed."""


class FeatureCost(NamedTuple):
    """Seconds of encoding and of fitting, and bytes of the features."""

    encoding: float
    fitting: float
    memory: int


def feature_cost(
    preset: Preset, few: SliceDataset, slices: int, message: Message, mask_rounds: int = 0
) -> Generator[Message, None, FeatureCost]:
    """Measure the encoding of a few slices and some steps of the fit, for so many slices.

    The preset is on the device to train on; `mask_rounds` are those of `fit_masks.mask_rounds`.
    """
    heads = cast("Features", preset)
    yield Message("loading the encoder")
    _encode(heads, few)  # the first time takes longer
    yield message
    began = time.monotonic()
    features = _encode(heads, few)
    yield message
    share = slices / len(few)
    encoding = (time.monotonic() - began) * share
    levels = [level for scan in features.scans for level in (*scan.levels, scan.foreground)]
    memory = round(sum(level.nbytes for level in levels) * share)
    # Each kind of step has a loss of its own; samples of pixels, which have none, take longer the
    # more slices there are.
    times: dict[str, list[float]] = {}
    last = time.monotonic()
    masked = _with_masks(features, len(few.tags[0]), mask_rounds)
    for step in fit_heads(heads, masked, region_steps=STEPS, detail_steps=STEPS):
        yield message
        now = time.monotonic()
        times.setdefault(next(iter(step.losses), ""), []).append(now - last)
        last = time.monotonic()
    fitting = sum(times.pop("", [])) * share
    for kind, taken in times.items():
        steps = REGION_STEPS if kind == "regions" else DETAIL_STEPS * max(1, mask_rounds)
        fitting += median(taken) * steps
    return FeatureCost(encoding, fitting, memory)


@torch.no_grad()
def _encode(preset: "Features", few: SliceDataset) -> FeatureSet:
    every = torch.arange(len(few))
    images, foreground = few.images[every], few.foreground[every]
    levels = preset.encode(images.to(preset.share.device).float())
    shares = foreground_at_stride(foreground, preset.strides[0])
    scan = ScanFeatures(tuple(level.half().cpu() for level in levels), shares.half())
    return FeatureSet([scan], few.tags, preset.strides)


def _with_masks(features: FeatureSet, classes: int, rounds: int) -> FeatureSet:
    """Give a mask to all slices for one round of a fit to masks, to half of them for two."""
    if not rounds:
        return features
    (scan,) = features.scans
    count, _, *size = scan.foreground.shape
    size = [side * features.strides[0] // DETAIL_STRIDE for side in size]
    given = count if rounds == 1 else max(1, count // 2)
    scans = []
    for part in (slice(0, given), slice(given, count)):
        levels = tuple(level[part] for level in scan.levels)
        scans.append(ScanFeatures(levels, scan.foreground[part]))
    scans[0] = replace(scans[0], mask=torch.full((given, classes + 1, *size), 1 / (classes + 1)))
    return replace(features, scans=[scan for scan in scans if len(scan.foreground)])
