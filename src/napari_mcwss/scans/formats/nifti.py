"""NIfTI files, versions 1 and 2, through nibabel."""

from __future__ import annotations

import gzip
import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import (
    DEFLATED,
    refuse_more_than_held,
    refuse_more_than_memory,
)
from napari_mcwss.base.text import size_text
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.geometry import Geometry, Placement, is_usable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_PLACING_FIELDS = (
    *("pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)

_NIFTI1_LONGEST_AXIS = 32767

_UNITS_OF_SPACE, _UNITS_OF_TIME = 7, 56
"""Bits of a header's field of units."""

_MM_PER_UNIT = {1: 1e3, 3: 1e-3}
"""By code: metres and micrometres."""

_TIMES = (8, 16, 24)
"""Codes of seconds, milliseconds and microseconds."""

_MOST_AFTER = 2**10
"""KiB after the voxels of a compressed file that are read to reach its checksum."""


def _read_header(path: Path) -> Header:
    """Read a header: two axes are one slice, a fourth or fifth axis is channels, lengths are mm."""
    with _opened(path) as (_, header, held):
        refuse_more_than_held(path, _bytes_of_voxels(header), held)
        return header_of(path, header)


def header_of(path: Path, header: Any) -> Header:
    """Return what a header, as nibabel reads it, says of a NIfTI image in one file or in two."""
    spatial, channels = split_shape(path, header.get_data_shape())
    if header.get_data_dtype().kind not in "iufb":
        raise McwssError(
            f"'{path}' holds {header.get_data_dtype()} voxels: expected whole or real "
            "numbers: convert it"
        )
    fields = {name: header[name].copy() for name in _PLACING_FIELDS}
    # Only the three spatial axes are written back.
    fields["pixdim"][4:] = 1
    affine = _affine(path, header, fields)
    affine[:3] *= _MM_PER_UNIT.get(int(header["xyzt_units"]) & _UNITS_OF_SPACE, 1.0)
    geometry = Geometry.from_source(
        spatial,
        affine,
        spacing=(*header.get_zooms()[:3], 1.0)[:3],
        # An affine with NaN is not copied: the one in use is written instead.
        placement=Placement(int(header["sizeof_hdr"] == 540) + 1, fields)
        if np.isfinite(affine).all()
        else None,
        oriented=bool(fields["sform_code"] > 0 or fields["qform_code"] > 0),
    )
    return Header(path, geometry, channels, _is_over_time(header))


def _affine(path: Path, header: Any, fields: dict[str, Any]) -> NDArray[np.float64]:
    """Choose the affine: the sform, or else the qform, or else the voxel sizes.

    If the sform is unusable, it is struck from the fields to be written.
    """
    from nibabel.spatialimages import HeaderDataError

    sform = header.get_sform() if header["sform_code"] > 0 else None
    try:
        qform = header.get_qform() if header["qform_code"] > 0 else None
    except (HeaderDataError, ValueError):  # An impossible quaternion.
        qform = None
    if qform is not None and not is_usable(qform):
        qform = None
    if sform is None:
        chosen = header.get_base_affine() if qform is None else qform
    elif qform is not None and not is_usable(sform):
        warnings.warn(
            f"the sform of '{path}' cannot place voxels in space: its qform is used", stacklevel=2
        )
        for name in ("sform_code", "srow_x", "srow_y", "srow_z"):
            fields[name][...] = 0
        chosen = qform
    else:
        if qform is not None and is_usable(sform) and _mirrored(sform, qform):
            warnings.warn(
                f"sform and qform of '{path}' disagree about which side is left: the sform is "
                "used; compare with the source of the file",
                stacklevel=2,
            )
        chosen = sform
    return np.array(chosen, dtype=np.float64)


def _mirrored(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Tell whether an axis points to the left by one affine, and to the right by another."""
    from nibabel.orientations import aff2axcodes

    return any({*pair} == {"L", "R"} for pair in zip(*map(aff2axcodes, (one, other)), strict=True))


def _read_voxels(path: Path, _: int) -> NDArray[Any]:
    """Read voxels, scaled as the header says, of the type that holds them."""
    with _opened(path) as (file, header, held):
        spatial, channels = split_shape(path, header.get_data_shape())
        needed = _bytes_of_voxels(header)
        refuse_more_than_held(path, needed, held)
        refuse_more_than_memory(path, needed)
        file.seek(header.get_data_offset())
        content = file.read(needed)
        refuse_more_than_held(path, needed, len(content))
        if isinstance(file, gzip.GzipFile):
            _check_end(path, file)
        voxels = _scaled(np.frombuffer(content, header.get_data_dtype()), header)
    return np.moveaxis(voxels.reshape(*spatial, channels, order="F"), -1, 0)


def _check_end(path: Path, file: gzip.GzipFile) -> None:
    """Read on to the checksum at the end, but not through gigabytes that are no voxels."""
    for _ in range(_MOST_AFTER):
        if not file.read(2**10):
            return
    raise McwssError(
        f"'{path}' holds more than the voxels that its header declares: copy it again or leave "
        "it out"
    )


def _scaled(stored: NDArray[Any], header: Any) -> NDArray[Any]:
    from nibabel.volumeutils import apply_read_scaling

    slope, intercept = header.get_slope_inter()
    scaled: NDArray[Any] = apply_read_scaling(
        stored, 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    )
    return scaled


def _write(
    path: Path, stored: NDArray[Any], geometry: Geometry, factor: float, description: str
) -> None:
    import nibabel as nib

    placement = geometry.placement
    wide = placement.version == 2 if placement else max(stored.shape) > _NIFTI1_LONGEST_AXIS
    image_class = nib.Nifti2Image if wide else nib.Nifti1Image
    header = image_class.header_class()
    header.set_data_dtype(stored.dtype)
    header.set_data_shape(stored.shape)
    header["descrip"] = description.encode()[:79]
    if placement:
        for field, value in placement.fields.items():
            header[field] = value
    else:
        _place(header, geometry)
    # Without an affine, nibabel keeps the placing fields of the header; with a slope in the
    # header, it stores voxels as they are.
    image = image_class(stored, None, header)
    image.header.set_slope_inter(factor, 0.0)
    image.to_filename(path)


def _place(header: Any, geometry: Geometry) -> None:
    """Write the affine of a grid that comes from no NIfTI file."""
    header.set_xyzt_units("mm")
    header.set_qform(geometry.source_affine, code="scanner")
    # A quaternion holds no shear: only the sform is true then.
    if not np.allclose(header.get_qform(), geometry.source_affine, atol=1e-4):
        header["qform_code"] = 0
    header.set_sform(geometry.source_affine, code="scanner")


def _is_over_time(header: Any) -> bool:
    """Tell whether the fourth axis is time: not if the step is one second, as ITK writes it."""
    steps = header.get_zooms()[3:]
    unit = int(header["xyzt_units"]) & _UNITS_OF_TIME
    return unit in _TIMES and header.get_data_shape()[3:4] > (1,) and steps[0] not in (0, 1)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any, int]]:
    """Open a file, and yield it with its header and the most bytes of voxels that it can hold.

    Whether it is compressed is seen from its first bytes: names can be wrong.
    """
    import nibabel as nib

    size = path.stat().st_size
    with path.open("rb") as plain:
        compressed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        file: Any = gzip.GzipFile(fileobj=plain) if compressed else plain
        block = file.read(nib.Nifti2Header.template_dtype.itemsize)
        kinds = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
        lengths = {int.from_bytes(block[:4], order) for order in ("little", "big")} & {*kinds}
        # nibabel mends a damaged length of version 1.
        kind = kinds[lengths.pop() if lengths else 348]
        if len(block) < kind.template_dtype.itemsize:
            raise ValueError(f"it has {len(block)} bytes, fewer than a header")
        header = kind(block[: kind.template_dtype.itemsize])
        if bytes(header["magic"].item()).rstrip(b"\0") not in (b"n+1", b"n+2"):
            raise ValueError("it is not NIfTI in one file")
        # Zero, which some programs leave there, means directly after the header.
        header["vox_offset"] = max(header["vox_offset"], header.single_vox_offset)
        held = size * (DEFLATED if compressed else 1) - header.get_data_offset()
        yield file, header, held


def _bytes_of_voxels(header: Any) -> int:
    shape = header.get_data_shape()
    return math.prod(map(int, shape)) * int(header.get_data_dtype().itemsize)


def split_shape(path: Path, shape: tuple[int, ...]) -> tuple[tuple[int, int, int], int]:
    """Return the spatial shape and the number of channels, on the fourth or fifth axis."""
    longer = [size for size in shape[3:] if size != 1]
    if len(shape) < 2 or len(longer) > 1 or min(shape) < 1:
        raise McwssError(
            f"'{path}' has the shape {size_text(shape)}: expected two or three axes, and at most "
            "one more of channels: split it"
        )
    i, j, k = (*shape[:3], 1)[:3]
    return (i, j, k), longer[0] if longer else 1


NIFTI = Format("NIfTI", (".nii.gz", ".nii"), _read_header, _read_voxels, write=_write)
"""Images in one file; those in two, ``.hdr`` and ``.img``, are read as Analyze."""
