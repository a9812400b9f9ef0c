"""The reader and the writers of the napari manifest."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_error
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.colormaps import contrast
from napari_mcwss.plugin.shared.layer_geometry import geometry_of
from napari_mcwss.plugin.shared.layers import placement
from napari_mcwss.scans.file_names import MASK_NAMES
from napari_mcwss.scans.formats.analyze import with_header
from napari_mcwss.scans.formats.registry import format_named, stem_of
from napari_mcwss.scans.reading import read_header, read_mask, read_scan
from napari_mcwss.scans.writing import write_volume

LayerData = tuple[Any, dict[str, Any], str] | tuple[None]
Paths = str | Sequence[str]

_TOGETHER = 5.0
"""Seconds between two files that were dropped together, while layers of the first are shown."""

_pairs: dict[Path, tuple[Path, float]] = {}
"""Images in two files that were read lately, by their headers: the chosen file, and when."""


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the reader of volumes; None for pictures, which napari reads, and other files."""
    paths = [path] if isinstance(path, str) else path
    formats = [format_named(with_header(Path(name))) for name in paths]
    return read_layers if all(found and found.spatial for found in formats) else None


def read_layers(path: Paths) -> list[LayerData]:
    """Read volumes as layers in canonical order (z, y, x).

    Files named as masks that hold whole numbers become labels; a fourth axis becomes layers. A
    notification tells of damaged files, and the others are read. An image in two files (`.hdr` and
    `.img`) that are dropped together is read once.
    """
    layers: list[LayerData] = []
    for file in map(Path, [path] if isinstance(path, str) else path):
        if _was_dropped_with(file):
            continue
        try:
            layers += _read(with_header(file))
        except McwssError as error:
            show_error(str(error))
        if file.suffix.lower() in (".img", ".hdr"):
            _pairs[with_header(file)] = file, time.monotonic()
    # For napari, [(None,)] is a file that was read and has no layers.
    return layers or [(None,)]


def _was_dropped_with(file: Path) -> bool:
    """Tell whether the other file of an image in two files has just been read.

    Of files that are dropped together, napari asks for one after the other.
    """
    now, header = time.monotonic(), with_header(file)
    for pair in [pair for pair, (_, read) in _pairs.items() if now - read > _TOGETHER]:
        del _pairs[pair]
    other, _ = _pairs.pop(header, (file, now))
    return other != file


def _read(file: Path) -> list[LayerData]:
    header = read_header(file)
    place = placement(header.geometry, "file")
    name = stem_of(file)
    if header.channels == 1 and any(name.lower().endswith(mask) for mask in MASK_NAMES):
        # A probability map can be called a mask: it is an image.
        with suppress(McwssError):
            return [(read_mask(file), {"name": name, **place}, "labels")]
    names = (
        [name] if header.channels == 1 else [f"{name} {index}" for index in range(header.channels)]
    )
    volume = read_scan(name, names, [file]).volume()
    return _image_layers(names, volume, place)


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer, ``(z, y, x)`` or ``(y, x)``, as one volume."""
    return _write(path, np.asarray(data), attributes)


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer as one volume, in the smallest type that holds its labels."""
    labels = np.asarray(data)
    smallest = np.promote_types(
        np.min_scalar_type(int(labels.min())), np.min_scalar_type(int(labels.max()))
    )
    return _write(path, labels.astype(smallest), attributes)


def _image_layers(
    names: Sequence[str], volume: NDArray[np.float32], place: dict[str, Any]
) -> list[LayerData]:
    return [
        (
            voxels,
            {"name": name, "colormap": "gray", "contrast_limits": contrast(voxels), **place},
            "image",
        )
        for name, voxels in zip(names, volume, strict=True)
    ]


def _write(path: str, data: NDArray[Any], attributes: dict[str, Any]) -> list[str]:
    volume = data[None] if data.ndim == 2 else data
    try:
        if volume.ndim != 3:
            raise McwssError(
                f"a layer of {data.ndim} axes cannot be written as one volume: "
                "expected 2 or 3 axes; write its parts one by one"
            )
        if attributes.get("rgb"):
            raise McwssError("an RGB image cannot be written as one volume: split its channels")
        if volume.dtype == bool:
            volume = volume.astype(np.uint8)
        elif volume.dtype == np.float16:
            volume = volume.astype(np.float32)
        geometry = geometry_of(volume.shape, attributes)
        write_volume(Path(path), volume, geometry, dtype=volume.dtype)
    except McwssError as error:
        show_error(str(error))
        return []
    return [path]
