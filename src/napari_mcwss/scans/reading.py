"""Reading scans and masks: headers first, voxels when they are needed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import size_text
from napari_mcwss.scans.dicom import read_series_header, read_series_voxels
from napari_mcwss.scans.formats import PICTURE_SUFFIXES, SUFFIXES, Header, suffix_of
from napari_mcwss.scans.nifti import read_nifti_header, read_nifti_voxels
from napari_mcwss.scans.pictures import (
    read_picture_header,
    read_picture_values,
    read_picture_voxels,
)
from napari_mcwss.scans.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_mcwss.scans.geometry import Geometry

_LARGEST_ROUNDING = 0.05
"""How far a mask's value may lie from a whole number: scaled storage rounds, images do worse."""

_OF_A_SERIES = "; of a series over time, one point in time"


def read_header(path: Path) -> Header:
    """Read what a file says of itself, without its voxels.

    Parameters
    ----------
    path : Path
        A NIfTI volume, a picture, or the folder of a DICOM series.

    Returns
    -------
    Header
        Its geometry and number of channels.

    Raises
    ------
    McwssError
        If the file is missing, damaged, of another format or of other dimensions.
    """
    if path.is_dir():
        return read_series_header(path)
    if suffix_of(path) is None:
        raise McwssError(
            f"'{path}' is not of a format that can be read: expected {', '.join(SUFFIXES)}, or "
            "the folder of a DICOM series"
        )
    return read_picture_header(path) if _is_picture(path) else read_nifti_header(path)


def read_scan(name: str, channels: Sequence[str], paths: Sequence[Path]) -> Scan:
    """Open a scan: its headers are read now, its voxels when first asked for.

    Parameters
    ----------
    name : str
        Of the scan.
    channels : sequence of str
        Names of the channels.
    paths : sequence of Path
        One file for each channel in the same order, or one file that holds all.
        A coloured picture counts as one channel, its luminance, where one is
        asked for.

    Returns
    -------
    Scan
        The scan, in the geometry of its first file.

    Raises
    ------
    McwssError
        If a file cannot be read, the number of channels does not fit, or the
        channels differ in shape.

    Warns
    -----
    UserWarning
        If channels agree in shape but not in where they lie in space.
    """
    headers = [read_header(path) for path in paths]
    counts = [_channels_in(header, wanted=len(channels)) for header in headers]
    if sum(counts) != len(channels) or (len(paths) > 1 and set(counts) != {1}):
        found = ", ".join(
            f"{header.path.name} ({count})" for header, count in zip(headers, counts, strict=True)
        )
        raise McwssError(
            f"scan {name}: found channels in files {found or 'none'}: expected {len(channels)} "
            f"({', '.join(channels)}): give one file for each, or one that holds all"
            f"{_OF_A_SERIES if max(counts, default=0) > 1 else ''}"
        )
    first = headers[0]
    for other in headers[1:]:
        _compare(name, first, other)
    geometry = first.geometry

    def load() -> NDArray[np.float32]:
        volume = np.empty((len(channels), *geometry.shape), np.float32)
        start = 0
        for header, count in zip(headers, counts, strict=True):
            volume[start : start + count] = header.geometry.to_canonical(_voxels(header, count))
            start += count
        # A sum is finite only where all is; most scans are spared the slow way.
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(volume.sum()):
                np.nan_to_num(volume, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return volume

    return Scan(name, channels, geometry, load, paths)


def refuse_time(name: str, paths: Sequence[Path]) -> None:
    """Refuse a scan whose file says that it is a series over time.

    Its points in time would be taken for channels: tags belong to slices, and
    have no time.

    Parameters
    ----------
    name : str
        Of the scan.
    paths : sequence of Path
        Its files.

    Raises
    ------
    McwssError
        If one has a time axis, or cannot be read.
    """
    for header in map(read_header, paths):
        if header.over_time:
            raise McwssError(
                f"scan {name}: '{header.path}' is a series of {header.channels} points in time: "
                "slices over time cannot be tagged: save one point in time, or each channel, as a "
                "file of its own"
            )


def read_mask(path: Path, geometry: Geometry | None = None) -> NDArray[np.int32]:
    """Read a mask in canonical order.

    Parameters
    ----------
    path : Path
        A NIfTI volume or a picture of one channel. Masks stored as real numbers
        are rounded; those of a picture with a palette are its indices.
    geometry : Geometry, optional
        Of the scan that the mask belongs to.

    Returns
    -------
    (z, y, x) array of int32
        The values of the mask.

    Raises
    ------
    McwssError
        If the file cannot be read, is of another shape than the scan, has
        several channels, or holds values far from whole numbers.

    Warns
    -----
    UserWarning
        If the mask lies elsewhere in space than the scan.
    """
    header = read_header(path)
    if geometry is not None:
        if header.geometry.shape != geometry.shape:
            raise McwssError(
                f"mask '{path}' is {size_text(header.geometry.shape)} (z, y, x), its scan "
                f"{size_text(geometry.shape)}: choose the mask of this scan, or resample it"
            )
        difference = geometry.differs_from(header.geometry)
        if difference:
            warnings.warn(f"scan and mask '{path}' differ: {difference}", stacklevel=2)
    voxels = read_picture_values(path) if _is_picture(path) else _voxels(header, 1)
    if len(voxels) > 1:
        raise McwssError(f"mask '{path}' has {len(voxels)} channels: expected one: split it")
    values = header.geometry.to_canonical(voxels[0])
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0)
        rounded = np.rint(values)
        far = np.abs(values - rounded) > _LARGEST_ROUNDING
        if far.any():
            raise McwssError(
                f"mask '{path}' holds values such as {values[far][0]:.3g}: expected whole "
                "numbers: choose a mask instead of an image"
            )
        values = rounded
    return values.astype(np.int32)


def _is_picture(path: Path) -> bool:
    return suffix_of(path) in PICTURE_SUFFIXES


def _channels_in(header: Header, wanted: int) -> int:
    """Count a file's channels; a coloured picture is one where its colours are not asked for."""
    return 1 if _is_picture(header.path) and wanted != 3 else header.channels


def _voxels(header: Header, count: int) -> NDArray[np.generic]:
    if _is_picture(header.path):
        return read_picture_voxels(header.path, count)
    if header.path.is_dir():
        return read_series_voxels(header.path)
    return read_nifti_voxels(header.path)


def _compare(name: str, first: Header, other: Header) -> None:
    """Refuse channels of different shapes, and warn of those that lie apart."""
    if first.geometry.shape != other.geometry.shape:
        raise McwssError(
            f"scan {name}: channels differ in shape (z, y, x): {first.path.name} is "
            f"{size_text(first.geometry.shape)}, {other.path.name} is "
            f"{size_text(other.geometry.shape)}: resample one onto the other"
        )
    difference = first.geometry.differs_from(other.geometry)
    if difference:
        warnings.warn(
            f"scan {name}: {first.path.name} and {other.path.name} differ: {difference}; "
            "their voxels are taken to be aligned",
            stacklevel=3,
        )
