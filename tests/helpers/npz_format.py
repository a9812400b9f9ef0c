"""A file format as a developer would add one: NumPy's archives of voxels and an affine."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.geometry import Geometry


def _read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    with np.load(path) as file:
        return file["voxels"], file["affine"]


def _read_header(path: Path) -> Header:
    voxels, affine = _read(path)
    return Header(path, Geometry.from_source(voxels.shape, affine), 1)


def _read_voxels(path: Path, _: int) -> NDArray[np.float32]:
    return _read(path)[0][None]


def _write(
    path: Path, stored: NDArray[np.generic], geometry: Geometry, factor: float, _: str
) -> None:
    voxels = stored if factor == 1 else stored * factor
    with path.open("wb") as file:
        np.savez(file, voxels=voxels, affine=geometry.source_affine)


NPZ = Format("NumPy", (".npz",), _read_header, _read_voxels, write=_write)
