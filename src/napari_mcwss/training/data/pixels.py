"""The pixel size with which scans are read, if the user names none."""

import math
from collections.abc import Sequence
from statistics import median

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.packing import groups
from napari_mcwss.model.encoders.registry import load_encoder
from napari_mcwss.model.encoders.slices import feature_strides
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.study.study import Study

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

BUDGET = 20 * 2**30
"""Most bytes of the features that are kept, of all studies together."""


def own_pixel(study: Study, scans: Sequence[str], *, quick: bool = False) -> float:
    """Return the pixel size in mm with which networks that are trained by epochs read scans.

    It is the median of the scans, at least `FINEST_PIXEL`, or `QUICK_PIXEL` if a network has
    minutes to train; pictures are reduced to `PICTURE_SIDE`.
    """
    geometries = [study.scan(name).geometry for name in scans]
    pixel = _median_pixel(geometries)
    if not are_pictures(study, scans):
        return max(QUICK_PIXEL if quick else FINEST_PIXEL, pixel)
    return max(FINEST_PIXEL, pixel, round(_median_side(geometries) / PICTURE_SIDE, 3))


def are_pictures(study: Study, scans: Sequence[str]) -> bool:
    """Return whether each scan has a single slice."""
    return all(study.scan(name).geometry.shape[0] == 1 for name in scans)


def feature_pixel(study: Study, encoder: str) -> float:
    """Return the pixel size in mm with which an encoder reads the scans of a study.

    Their longer side then is about `FEATURE_SIDE` pixels, less if the features of all slices do
    not fit in `BUDGET`. It depends on neither tags nor the choice of scans, so that whoever reads
    features finds those in the store.

    Raises
    ------
    McwssError
        If the encoder or all scans cannot be read.
    """
    geometries = []
    for name in study.scan_names:
        try:
            geometries.append(study.scan(name).geometry)
        except McwssError:
            # Whoever needs the scan is told.
            if not geometries and name == study.scan_names[-1]:
                raise
    pixel = _median_side(geometries) / FEATURE_SIDE
    pixel = max(pixel, _median_pixel(geometries) / ENLARGED)
    network = load_encoder(encoder)
    numbers = sum(
        width / stride**2
        for width, stride in zip(network.widths, feature_strides(network), strict=True)
    )
    area = sum(math.prod(found.shape) * math.prod(found.spacing[1:]) for found in geometries)
    needed = HALF * groups(len(study.channels)) * numbers * area / pixel**2
    return round(pixel * math.sqrt(max(1.0, needed / BUDGET)), 3)


def _median_pixel(geometries: Sequence[Geometry]) -> float:
    return median(min(found.spacing[1:]) for found in geometries)


def _median_side(geometries: Sequence[Geometry]) -> float:
    """Return the median of the longer sides of the slices in mm."""
    found = []
    for geometry in geometries:
        sides = zip(geometry.shape[1:], geometry.spacing[1:], strict=True)
        found.append(max(count * spacing for count, spacing in sides))
    return median(found)
