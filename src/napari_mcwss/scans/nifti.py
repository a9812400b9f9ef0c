"""Reading NIfTI files, versions 1 and 2, through nibabel."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import size_text
from napari_mcwss.scans.formats import Header, unreadable
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

_TIMES = ("sec", "msec", "usec")

_MM_PER_UNIT = {"meter": 1e3, "micron": 1e-3}


def read_nifti_header(path: Path) -> Header:
    """Read a NIfTI file's header alone.

    Two axes are taken as one slice; a fourth or fifth axis as channels.

    Parameters
    ----------
    path : Path
        A ``.nii`` or ``.nii.gz`` file.

    Returns
    -------
    Header
        Its geometry, in mm whatever unit the file is in, and number of channels.

    Raises
    ------
    McwssError
        If the file is missing, damaged, not NIfTI, or of other dimensions.
    """
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
            # What is no number cannot be copied: it would be written as it is now understood.
            placement=Placement(int(header["sizeof_hdr"] == 540) + 1, fields)
            if np.isfinite(affine).all()
            else None,
        )
        over_time = _is_over_time(header)
    return Header(path, geometry, channels, over_time)


def read_nifti_voxels(path: Path) -> NDArray[Any]:
    """Read a NIfTI file's voxels, scaled as its header says.

    Parameters
    ----------
    path : Path
        A ``.nii`` or ``.nii.gz`` file.

    Returns
    -------
    (channels, i, j, k) array
        Voxels in the order of the file, of whichever type holds them.

    Raises
    ------
    McwssError
        If the file is missing or damaged.
    """
    with _opened(path) as image:
        if path.name.lower().endswith(".gz"):
            # In one go, as only the end of a compressed file tells whether all of it is right.
            image = type(image).from_bytes(gzip.decompress(path.read_bytes()))
        voxels = np.asanyarray(image.dataobj)
        spatial, channels = _split(path, image.shape)
    return np.moveaxis(voxels.reshape(*spatial, channels, order="F"), -1, 0)


def _is_over_time(header: Any) -> bool:
    """Tell whether the fourth axis is surely time.

    A step of one second says nothing: ITK writes it for channels, too.
    """
    steps = header.get_zooms()[3:]
    unit = header.get_xyzt_units()[1]
    return unit in _TIMES and header.get_data_shape()[3:4] > (1,) and steps[0] not in (0, 1)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a NIfTI image; whatever fails in the block is a file that cannot be read."""
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
    """Tell the spatial axes from the one of channels: the fourth, or the fifth of vectors."""
    longer = [size for size in shape[3:] if size != 1]
    if len(shape) < 2 or len(longer) > 1 or 0 in shape:
        raise McwssError(
            f"'{path}' has the shape {size_text(shape)}: expected two or three axes, and at most "
            "one more of channels: split it"
        )
    i, j, k = (*shape[:3], 1)[:3]
    return (i, j, k), longer[0] if longer else 1
