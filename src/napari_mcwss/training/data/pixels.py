"""The pixel size with which scans are read, if the user names none."""

import math
from collections.abc import Sequence
from statistics import median

import torch

from napari_mcwss.model.encoders.packing import groups
from napari_mcwss.model.encoders.registry import load_encoder
from napari_mcwss.model.encoders.slices import feature_strides
from napari_mcwss.model.preset import UNKNOWN
from napari_mcwss.study.study import Study
from napari_mcwss.training.data.slice_store import MEMORY_SHARE
from napari_mcwss.training.memory import available_memory

FINEST_PIXEL = 1.0
"""Pixel size in mm that scans with finer pixels are read with by default."""

QUICK_PIXEL = 2.0
"""The same for a network that has minutes to train; finer pixels gained gliomas nothing."""

PICTURE_SIDE = 160
"""Pixels along the longer side of pictures that are trained on by epochs."""

FEATURE_SIDE = 320
"""Pixels along the longer side of slices that an encoder reads."""

ENLARGED = 4
"""Most pixels that an encoder reads in place of one of the scan, along a side."""

HALF = 2
"""Bytes of a number of the features."""


def own_pixel(study: Study, scans: Sequence[str], *, quick: bool = False) -> float:
    """Return the pixel size in mm with which networks that are trained by epochs read scans.

    It is the median of the scans, at least `FINEST_PIXEL`, or `QUICK_PIXEL` if a network has
    minutes to train; pictures are reduced to `PICTURE_SIDE`.
    """
    pixel = _median_pixel(study, scans)
    if not are_pictures(study, scans):
        return max(QUICK_PIXEL if quick else FINEST_PIXEL, pixel)
    return max(FINEST_PIXEL, pixel, round(_median_side(study, scans) / PICTURE_SIDE, 3))


def are_pictures(study: Study, scans: Sequence[str]) -> bool:
    """Return whether each scan has a single slice."""
    return all(study.scan(name).geometry.shape[0] == 1 for name in scans)


def feature_pixel(study: Study, scans: Sequence[str], encoder: str) -> float:
    """Return the pixel size in mm with which an encoder reads scans.

    Their longer side then is about `FEATURE_SIDE` pixels, less if the features of all tagged slices
    do not fit in memory.

    Raises
    ------
    McwssError
        If the encoder cannot be loaded.
    """
    pixel = _median_side(study, scans) / FEATURE_SIDE
    pixel = max(pixel, _median_pixel(study, scans) / ENLARGED)
    network = load_encoder(encoder)
    numbers = sum(
        width / stride**2
        for width, stride in zip(network.widths, feature_strides(network), strict=True)
    )
    area = 0.0
    for name in scans:
        tagged = int((study.tags.read(name).values != UNKNOWN).any(1).sum())
        geometry = study.scan(name).geometry
        area += tagged * math.prod(geometry.shape[1:]) * math.prod(geometry.spacing[1:])
    needed = HALF * groups(len(study.channels)) * numbers * area / pixel**2
    room = MEMORY_SHARE * available_memory(torch.device("cpu"))
    return round(pixel * math.sqrt(max(1.0, needed / room)), 3)


def _median_pixel(study: Study, scans: Sequence[str]) -> float:
    return median(min(study.scan(name).geometry.spacing[1:]) for name in scans)


def _median_side(study: Study, scans: Sequence[str]) -> float:
    """Return the median of the longer sides of the slices in mm."""
    found = []
    for name in scans:
        geometry = study.scan(name).geometry
        sides = zip(geometry.shape[1:], geometry.spacing[1:], strict=True)
        found.append(max(count * spacing for count, spacing in sides))
    return median(found)
