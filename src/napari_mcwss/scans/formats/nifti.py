"""NIfTI files, versions 1 and 2, through nibabel."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import size_text
from napari_mcwss.scans.formats.format import Format, Header, unreadable
from napari_mcwss.scans.geometry import Geometry, Placement

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

_TIMES = ("sec", "msec", "usec")

_MM_PER_UNIT = {"meter": 1e3, "micron": 1e-3}


def _read_header(path: Path) -> Header:
    """Read a header: two axes are one slice, a fourth or fifth axis is channels, lengths are mm."""
    with _opened(path) as image:
        header = image.header
        spatial, channels = _split(path, image.shape)
        if header.get_data_dtype().kind not in "iufb":
            raise McwssError(
                f"'{path}' holds {header.get_data_dtype()} voxels: expected whole or real "
                "numbers: convert it"
            )
        affine = np.array(image.affine, dtype=np.float64)
        affine[:3] *= _MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
        fields = {name: header[name].copy() for name in _PLACING_FIELDS}
        # Only the three spatial axes are written back.
        fields["pixdim"][4:] = 1
        geometry = Geometry.from_source(
            spatial,
            affine,
            spacing=(*header.get_zooms()[:3], 1.0)[:3],
            # An affine with NaN is not copied: the one in use is written instead.
            placement=Placement(int(header["sizeof_hdr"] == 540) + 1, fields)
            if np.isfinite(affine).all()
            else None,
        )
        over_time = _is_over_time(header)
    return Header(path, geometry, channels, over_time)


def _read_voxels(path: Path, _: int) -> NDArray[Any]:
    """Read voxels, scaled as the header says, of the type that holds them."""
    with _opened(path) as image:
        if path.name.lower().endswith(".gz"):
            # All at once: the checksum is at the end of a compressed file.
            image = type(image).from_bytes(gzip.decompress(path.read_bytes()))
        voxels = np.asanyarray(image.dataobj)
        spatial, channels = _split(path, image.shape)
    return np.moveaxis(voxels.reshape(*spatial, channels, order="F"), -1, 0)


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
    unit = header.get_xyzt_units()[1]
    return unit in _TIMES and header.get_data_shape()[3:4] > (1,) and steps[0] not in (0, 1)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a NIfTI image, and raise what fails in the block as a file that cannot be read."""
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    try:
        image = nib.load(path)
        if not isinstance(image, nib.Nifti1Pair):
            raise ImageFileError(f"it is {type(image).__name__}, not NIfTI")
        yield image
    except (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, zlib.error) as error:
        raise unreadable(path, error) from error


def _split(path: Path, shape: tuple[int, ...]) -> tuple[tuple[int, int, int], int]:
    """Return the spatial shape and the number of channels, on the fourth or fifth axis."""
    longer = [size for size in shape[3:] if size != 1]
    if len(shape) < 2 or len(longer) > 1 or 0 in shape:
        raise McwssError(
            f"'{path}' has the shape {size_text(shape)}: expected two or three axes, and at most "
            "one more of channels: split it"
        )
    i, j, k = (*shape[:3], 1)[:3]
    return (i, j, k), longer[0] if longer else 1


NIFTI = Format("NIfTI", (".nii.gz", ".nii"), _read_header, _read_voxels, write=_write)
