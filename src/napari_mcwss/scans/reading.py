"""Reading scans and masks: headers first, voxels on first use."""

from __future__ import annotations

import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import readable, refuse_more_than_memory
from napari_mcwss.base.text import size_text
from napari_mcwss.scans.formats.registry import format_of, formats_text
from napari_mcwss.scans.formats.slices import SLICES, slices_in
from napari_mcwss.scans.scan import COLOURS, Scan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from napari_mcwss.scans.formats.format import Format, Header
    from napari_mcwss.scans.geometry import Geometry

_LARGEST_ROUNDING = 0.05
"""How far a mask's value may lie from a whole number, as scaled storage rounds."""

_READERS = 4
"""Most files of a scan that are read at once: each holds its voxels a second time meanwhile."""

_OF_A_SERIES = "; of a series over time, one point in time"


def read_header(path: Path) -> Header:
    """Read what a file says of itself, without its voxels.

    Parameters
    ----------
    path : Path
        A file or folder of one of the formats in `scans.formats.registry`, or a folder of
        pictures that are the slices of one volume.

    Returns
    -------
    Header
        Its geometry and number of channels.

    Raises
    ------
    McwssError
        If the file is missing, damaged, of another format, or has other dimensions.
    """
    return _known_format(path).read_header(path)


def read_scan(name: str, channels: Sequence[str], paths: Sequence[Path]) -> Scan:
    """Open a scan: read its headers now, and its voxels on first use.

    Parameters
    ----------
    name : str
        Name of the scan, for messages.
    channels : sequence of str
        Names of the channels.
    paths : sequence of Path
        One file for each channel, in the same order, or one file with all channels.
        A coloured picture is one channel, its luminance, unless three channels are named. A grey
        picture is repeated if these are `COLOURS`.

    Returns
    -------
    Scan
        The scan, in the geometry of its first file.

    Raises
    ------
    McwssError
        If a file cannot be read, the number of channels does not fit, or the channels differ
        in shape.

    Warns
    -----
    UserWarning
        If channels agree in shape but not in position.

    Notes
    -----
    A file that needs more memory than is free is refused when the voxels are read.
    """
    formats = [_known_format(path) for path in paths]
    headers = [kind.read_header(path) for kind, path in zip(formats, paths, strict=True)]
    counts = [1 if h.coloured and len(channels) != 3 else h.channels for h in headers]
    if counts == [1] and tuple(channels) == COLOURS and not formats[0].spatial:
        counts = [len(COLOURS)]
    if not channels or sum(counts) != len(channels) or (len(paths) > 1 and set(counts) != {1}):
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
        shape = (len(channels), *geometry.shape)
        refuse_more_than_memory(first.path, math.prod(shape) * np.dtype(np.float32).itemsize)
        with readable(first.path):
            volume = np.empty(shape, np.float32)
        starts = [0, *accumulate(counts)]

        def read(index: int) -> None:
            header, count, start = headers[index], counts[index], starts[index]
            voxels = formats[index].read_voxels(header.path, count)
            with readable(header.path):
                _put(volume[start : start + count], header, voxels)

        # Decompression leaves the other threads alone.
        with ThreadPoolExecutor(min(len(headers), _READERS)) as pool:
            list(pool.map(read, range(len(headers))))
        # A finite sum proves that all voxels are finite, and is fast.
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(volume.sum()):
                np.nan_to_num(volume, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return volume

    return Scan(name, channels, geometry, load, paths)


def refuse_time(name: str, paths: Sequence[Path]) -> None:
    """Refuse a scan with a time axis: its points in time would be read as channels.

    Parameters
    ----------
    name : str
        Name of the scan, for the message.
    paths : sequence of Path
        Files of the scan.

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
        A volume or picture of one channel. Real numbers are rounded; a picture with a palette
        holds its indices.
    geometry : Geometry, optional
        Geometry of the scan that the mask belongs to.

    Returns
    -------
    (z, y, x) array of int32
        The values of the mask.

    Raises
    ------
    McwssError
        If the file cannot be read, differs from the scan in shape, has several channels, or
        holds values that are not close to whole numbers.

    Warns
    -----
    UserWarning
        If the mask and the scan differ in position.
    """
    channels = read_mask_channels(path, geometry)
    if len(channels) > 1:
        raise McwssError(f"mask '{path}' has {len(channels)} channels: expected one: split it")
    mask: NDArray[np.int32] = channels[0]
    return mask


def read_mask_channels(path: Path, geometry: Geometry | None = None) -> NDArray[np.int32]:
    """Read a mask with any number of channels, ``(channel, z, y, x)``, as `read_mask` does."""
    kind = _known_format(path)
    header = kind.read_header(path)
    if geometry is not None:
        if header.geometry.is_mirrored_to(geometry):
            raise McwssError(
                f"of mask '{path}' and its scan, only one says in which direction its axes point: "
                "the mask could be mirrored: save both with the same program"
            )
        if header.geometry.shape != geometry.shape:
            raise McwssError(
                f"mask '{path}' is {size_text(header.geometry.shape)} (z, y, x), its scan "
                f"{size_text(geometry.shape)}: choose the mask of this scan, or resample it"
            )
        difference = geometry.differs_from(header.geometry)
        if difference:
            warnings.warn(f"scan and mask '{path}' differ: {difference}", stacklevel=2)
    voxels = kind.read_mask(path) if kind.read_mask else kind.read_voxels(path, 1)
    with readable(path):
        values = header.geometry.to_canonical(voxels)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0)
        rounded = np.rint(values)
        far = np.abs(values - rounded) > _LARGEST_ROUNDING
        if far.any():
            likely = values.min() >= 0 and values.max() <= 1
            raise McwssError(
                f"mask '{path}' holds {'probabilities, such as' if likely else 'values such as'} "
                f"{values[far][0]:.3g}: expected whole numbers: "
                f"{'threshold it' if likely else 'choose a mask instead of an image'}"
            )
        values = rounded
    limits = np.iinfo(np.int32)
    if values.min() < limits.min or values.max() > limits.max:
        raise McwssError(
            f"mask '{path}' holds values from {values.min():g} to {values.max():g}: expected at "
            f"most {limits.max}: give its classes smaller numbers"
        )
    return values.astype(np.int32)


def _known_format(path: Path) -> Format:
    found = format_of(path)
    if found is None and path.is_dir() and slices_in(path):
        return SLICES
    if found is None:
        raise McwssError(f"'{path}' is not of a format that can be read: expected {formats_text()}")
    return found


def _put(place: NDArray[np.float32], header: Header, voxels: NDArray[Any]) -> None:
    """Put the voxels of a file into canonical order; refuse values that float32 cannot hold."""
    ordered = header.geometry.to_canonical(voxels)
    if ordered.dtype.kind == "f" and ordered.dtype.itemsize > place.dtype.itemsize:
        largest = float(np.max(np.abs(ordered), where=np.isfinite(ordered), initial=0))
        if largest > float(np.finfo(place.dtype).max):
            raise McwssError(
                f"'{header.path}' holds values such as {largest:.3g}: expected at most "
                f"{np.finfo(place.dtype).max:.3g}: rescale it"
            )
    place[...] = ordered


def _compare(name: str, first: Header, other: Header) -> None:
    """Refuse channels that differ in shape, and warn of those that differ in position."""
    if other.geometry.is_mirrored_to(first.geometry):
        raise McwssError(
            f"scan {name}: of {first.path.name} and {other.path.name}, only one says in which "
            "direction its axes point: one could be mirrored: save both with the same program"
        )
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
            "their voxels are assumed to be aligned",
            stacklevel=3,
        )
