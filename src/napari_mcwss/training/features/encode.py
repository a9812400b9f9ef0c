"""Encoding the slices of a training, once each."""

from collections.abc import Generator, Sequence

import torch

from napari_mcwss.model.devices import autocast
from napari_mcwss.model.presets.features import Features, foreground_at_stride
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.events import Message
from napari_mcwss.training.features.feature_set import FeatureSet, ScanFeatures


def encode_scans(
    preset: Features, data: SliceDataset, names: Sequence[str], batch_size: int
) -> Generator[Message, None, FeatureSet]:
    """Encode slices on the device of the preset; a message before each batch is a moment to stop.

    `names` are those of the scans. The features, on the CPU, are the generator's return value.
    """
    scans = []
    for index, name in enumerate(names):
        message = Message(f"encoding {name} ({index + 1} of {len(names)})")
        images, foreground = data.of_scan(index)
        if not len(images):
            continue
        parts = []
        for rows in torch.arange(len(images)).split(batch_size):
            yield message
            parts.append(_encode(preset, images[rows], foreground[rows]))
        levels = zip(*(part.levels for part in parts), strict=True)
        scans.append(
            ScanFeatures(
                tuple(torch.cat(maps) for maps in levels),
                torch.cat([part.foreground for part in parts]),
            )
        )
    return FeatureSet(scans, data.tags, preset.strides)


def _encode(preset: Features, images: torch.Tensor, foreground: torch.Tensor) -> ScanFeatures:
    device = preset.share.device
    with torch.no_grad(), autocast(device):
        levels = preset.encode(images.to(device).float())
    shares = foreground_at_stride(foreground, preset.strides[0])
    return ScanFeatures(tuple(level.half().cpu() for level in levels), shares.half())
