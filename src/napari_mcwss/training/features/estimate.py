"""The time and memory that a stage on features would take, measured on some slices."""

import time
from collections.abc import Generator
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, cast

import torch

from napari_mcwss.model.preset import Preset
from napari_mcwss.model.presets.features import foreground_at_stride
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.events import Message
from napari_mcwss.training.features.feature_set import FeatureSet, ScanFeatures
from napari_mcwss.training.features.fit import fit_heads

if TYPE_CHECKING:
    from napari_mcwss.model.presets.features import Features

STEPS = 3
"""Steps of the fit that are timed, after a first one, which takes longer."""


class FeatureCost(NamedTuple):
    """Seconds of encoding and fitting, and bytes of the features."""

    seconds: float
    memory: int


def feature_cost(
    preset: Preset, few: SliceDataset, slices: int, message: Message
) -> Generator[Message, None, FeatureCost]:
    """Measure the encoding of a few slices and some steps of the fit, for so many slices.

    The preset is on the device to train on.
    """
    heads = cast("Features", preset)
    _encode(heads, few)  # the first time takes longer
    yield message
    began = time.monotonic()
    features = _encode(heads, few)
    yield message
    seconds = (time.monotonic() - began) / len(few) * slices
    steps = fit_heads(heads, features)
    done, last, times = next(steps).progress, time.monotonic(), []
    for step in islice(steps, STEPS):
        yield message
        now = time.monotonic()
        times.append((now - last) / (step.progress - done))
        last, done = now, step.progress
    steps.close()
    levels = [level for scan in features.scans for level in (*scan.levels, scan.foreground)]
    memory = sum(level.nbytes for level in levels) // len(few) * slices
    return FeatureCost(seconds + median(times), memory)


@torch.no_grad()
def _encode(preset: "Features", few: SliceDataset) -> FeatureSet:
    every = torch.arange(len(few))
    images, foreground = few.images[every], few.foreground[every]
    levels = preset.encode(images.to(preset.share.device).float())
    shares = foreground_at_stride(foreground, preset.strides[0])
    scan = ScanFeatures(tuple(level.half().cpu() for level in levels), shares.half())
    return FeatureSet([scan], few.tags, preset.strides)
