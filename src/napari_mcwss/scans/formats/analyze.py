"""Images of a header (.hdr) and its voxels (.img), as Analyze or NIfTI, through nibabel."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import refuse_more_than_held, refuse_more_than_memory
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.formats.nifti import header_of, split_shape
from napari_mcwss.scans.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def with_header(path: Path) -> Path:
    """Return the header of an image in two files, of which either was chosen; others as they are.

    Examples
    --------
    >>> from pathlib import Path
    >>> with_header(Path("t1.img")).name, with_header(Path("t1.hdr")).name
    ('t1.hdr', 't1.hdr')
    """
    if path.suffix.lower() != ".img":
        return path
    return path.with_suffix(".HDR" if path.suffix.isupper() else ".hdr")


def _read_header(path: Path) -> Header:
    import nibabel as nib

    image = _loaded(path)
    if isinstance(image, nib.Nifti1Pair):
        return header_of(path, image.header)
    spatial, channels = split_shape(path, image.shape)
    # SPM says in a further file, .mat, or in its origin where the voxels are.
    placed = bool(_placements(path)) or bool(
        isinstance(image, nib.Spm99AnalyzeImage) and np.any(image.header["origin"][:3])
    )
    if not placed:
        warnings.warn(
            f"'{path}' is Analyze, which does not say which side is left: its columns are "
            "assumed to run towards the left",
            stacklevel=2,
        )
    geometry = Geometry.from_source(
        spatial, image.affine, spacing=image.header.get_zooms()[:3], oriented=placed
    )
    return Header(path, geometry, channels)


def _read_voxels(path: Path, _: int) -> NDArray[Any]:
    image = _loaded(path)
    refuse_more_than_memory(path, math.prod(map(int, image.shape)) * 8)
    spatial, channels = split_shape(path, image.shape)
    voxels = np.asanyarray(image.dataobj)
    return np.moveaxis(voxels.reshape(*spatial, channels, order="F"), -1, 0)


def _files(path: Path) -> Sequence[Path]:
    return [path, _voxels(path), *_placements(path)]


def _placements(path: Path) -> list[Path]:
    """Return SPM's files that say where the voxels are."""
    files = (path.with_suffix(suffix) for suffix in (".mat", ".MAT"))
    return [file for file in files if file.exists()]


def _voxels(path: Path) -> Path:
    return path.with_suffix(".IMG" if path.suffix.isupper() else ".img")


def _loaded(path: Path) -> Any:
    """Read the header; refuse one that declares more than the file of voxels holds."""
    import nibabel as nib

    voxels = _voxels(path)
    if not voxels.exists():
        raise McwssError(f"'{path}' has its voxels in '{voxels.name}', which is missing: add it")
    image = nib.load(path)
    if not isinstance(image, nib.AnalyzeImage):
        raise ValueError(f"it is {type(image).__name__}")
    dtype = image.get_data_dtype()
    if dtype.kind not in "iufb":
        raise McwssError(
            f"'{path}' holds {dtype} voxels: expected whole or real numbers: convert it"
        )
    split_shape(path, image.shape)
    needed = math.prod(map(int, image.shape)) * dtype.itemsize
    refuse_more_than_held(path, needed, voxels.stat().st_size)
    return image


ANALYZE = Format("Analyze", (".hdr",), _read_header, _read_voxels, files=_files)
