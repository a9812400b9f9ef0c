"""MGH and MGZ, the volumes of FreeSurfer, through nibabel."""

from __future__ import annotations

import gzip
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.reading import DEFLATED, refuse_more_than_held, refuse_more_than_memory
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.formats.nifti import split_shape
from napari_mcwss.scans.geometry import Geometry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_COMPRESSED = (".mgz", ".mgh.gz")


def _read_header(path: Path) -> Header:
    header = _checked(path)
    spatial, channels = split_shape(path, header.get_data_shape())
    geometry = Geometry.from_source(
        spatial,
        header.get_affine(),
        spacing=header.get_zooms()[:3],
        oriented=bool(header["goodRASFlag"] > 0),
    )
    return Header(path, geometry, channels)


def _read_voxels(path: Path, _: int) -> NDArray[Any]:
    header = _checked(path)
    needed = _bytes_of_voxels(header)
    refuse_more_than_memory(path, needed)
    with _open(path) as file:
        file.seek(header.get_data_offset())
        content = file.read(needed)
        refuse_more_than_held(path, needed, len(content))
    spatial, channels = split_shape(path, header.get_data_shape())
    voxels = np.frombuffer(content, header.get_data_dtype())
    return np.moveaxis(voxels.reshape(*spatial, channels, order="F"), -1, 0)


def _checked(path: Path) -> Any:
    """Read the header; refuse one that declares more than the file can hold."""
    from nibabel.freesurfer.mghformat import MGHHeader

    with _open(path) as file:
        header = MGHHeader(file.read(MGHHeader.template_dtype.itemsize))
    ratio = DEFLATED if path.name.lower().endswith(_COMPRESSED) else 1
    held = path.stat().st_size * ratio - header.get_data_offset()
    refuse_more_than_held(path, _bytes_of_voxels(header), held)
    return header


def _open(path: Path) -> Any:
    compressed = path.name.lower().endswith(_COMPRESSED)
    return gzip.open(path) if compressed else path.open("rb")


def _bytes_of_voxels(header: Any) -> int:
    return math.prod(map(int, header.get_data_shape())) * int(header.get_data_dtype().itemsize)


MGH = Format("FreeSurfer", (".mgz", ".mgh.gz", ".mgh"), _read_header, _read_voxels)
