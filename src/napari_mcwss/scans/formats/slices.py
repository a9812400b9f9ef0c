"""A folder of pictures as one volume, its files the slices in the order of their names.

Whether pictures are slices of one scan or scans of their own, files do not say: a folder is read
in this way only where a study, or the owner of masks, names it as a scan.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import refuse_more_than_memory
from napari_mcwss.base.text import names_text, size_text
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.formats.picture import PICTURE, PICTURE_AFFINE
from napari_mcwss.scans.formats.tiff import TIFF
from napari_mcwss.scans.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

_KINDS = (PICTURE, TIFF)


def slices_in(folder: Path) -> list[Path]:
    """List the pictures in a folder, by their names: ``slice2`` before ``slice10``."""
    files = [path for path in folder.iterdir() if _kind(path) and not path.name.startswith(".")]
    return sorted(files, key=_parts)


def _parts(path: Path) -> list[tuple[int, str]]:
    """Return the numbers and words of a name, which is compared by these."""
    found = re.findall(r"\d+|\D+", path.stem.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in found]


def _kind(path: Path) -> Format | None:
    return next((kind for kind in _KINDS if path.suffix.lower() in kind.suffixes), None)


def _read_header(folder: Path) -> Header:
    files = slices_in(folder)
    if len(files) < 2:
        raise McwssError(
            f"'{folder}' holds {len(files)} pictures: expected those of the slices of one volume"
        )
    others = [p.name for p in folder.iterdir() if p not in files and not p.name.startswith(".")]
    if others:
        warnings.warn(
            f"'{folder}' is read as a volume of {len(files)} slices, without {names_text(others)}",
            stacklevel=2,
        )
    first = _header_of(files[0])
    columns, rows, _ = first.geometry.source_shape
    geometry = Geometry.from_source(
        (columns, rows, len(files)), PICTURE_AFFINE, in_mm=False, oriented=False
    )
    return Header(folder, geometry, first.channels, coloured=first.coloured)


def _header_of(file: Path) -> Header:
    kind = _kind(file)
    assert kind is not None
    header = kind.read_header(file)
    if header.geometry.source_shape[2] > 1:
        raise McwssError(
            f"'{file}' is a stack of its own: expected pictures of one slice each: take its folder "
            "as one of scans"
        )
    return header


def _read_voxels(folder: Path, channels: int) -> NDArray[Any]:
    def read(kind: Format, file: Path) -> NDArray[Any]:
        return kind.read_voxels(file, channels)

    return _stacked(folder, read)


def _read_mask(folder: Path) -> NDArray[Any]:
    def read(kind: Format, file: Path) -> NDArray[Any]:
        return (kind.read_mask or kind.read_voxels)(file)  # type: ignore[call-arg]

    return _stacked(folder, read)


def _stacked(folder: Path, read: Callable[[Format, Path], NDArray[Any]]) -> NDArray[Any]:
    """Read all slices, ``(channel, column, row, slice)``; refuse one of another size."""
    files = slices_in(folder)
    volume: NDArray[Any] | None = None
    for index, file in enumerate(files):
        kind = _kind(file)
        assert kind is not None
        _header_of(file)
        voxels = read(kind, file)[..., 0]
        if volume is None:
            refuse_more_than_memory(folder, voxels.nbytes * len(files))
            volume = np.empty((*voxels.shape, len(files)), voxels.dtype)
        if voxels.shape != volume.shape[:-1]:
            raise McwssError(
                f"'{file}' is {size_text(voxels.shape)} (channels, columns, rows), '{files[0]}' "
                f"{size_text(volume.shape[:-1])}: expected slices of one size: remove what is no "
                "slice"
            )
        if voxels.dtype != volume.dtype:
            volume = volume.astype(np.promote_types(volume.dtype, voxels.dtype))
        volume[..., index] = voxels
    assert volume is not None
    return volume


SLICES = Format("folder of slices", (), _read_header, _read_voxels, _read_mask, spatial=False)
