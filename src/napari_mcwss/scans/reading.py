"""Reading scans and masks: headers first, voxels when they are needed."""

import gzip
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_mcwss.errors import McwssError
from napari_mcwss.scans.geometry import Geometry, Placement
from napari_mcwss.scans.scan import Scan

VOLUME_SUFFIXES = (".nii.gz", ".nii")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
SUFFIXES = VOLUME_SUFFIXES + PICTURE_SUFFIXES

PICTURE_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Pictures say nothing of space: 1 mm, shown as they are."""

PLACEMENT_FIELDS = (
    *("pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)
"""Header fields that place a NIfTI file's voxels in space."""

DAMAGED = (EOFError, OSError, ValueError, zlib.error, gzip.BadGzipFile, UnidentifiedImageError)


@dataclass(frozen=True)
class Header:
    """What a file says of itself before its voxels are read.

    Attributes
    ----------
    path : Path
        The file.
    geometry : Geometry
        Of its three spatial axes.
    channels : int
        Length of its fourth axis, 1 without one.
    """

    path: Path
    geometry: Geometry
    channels: int


def suffix_of(path: Path) -> str | None:
    """Give the suffix by which a file's format is known, if it is."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def stem_of(path: Path) -> str:
    """Give a file's name without the suffix of its format."""
    return path.name[: -len(suffix_of(path) or path.suffix) or None]


def read_header(path: Path) -> Header:
    """Read a file's header.

    Raises
    ------
    McwssError
        If the file is missing, no image, or of more or fewer dimensions.
    """
    suffix = suffix_of(path)
    if suffix is None:
        raise McwssError(f"{path} is no image that can be read: expected {', '.join(SUFFIXES)}")
    try:
        if suffix in PICTURE_SUFFIXES:
            with Image.open(path) as picture:
                width, height = picture.size
                channels = len(picture.getbands())
            geometry = Geometry.from_source((width, height, 1), PICTURE_AFFINE)
            return Header(path, geometry, 3 if channels >= 3 else 1)
        image: Any = nib.load(path)
        shape = image.shape
    except FileNotFoundError as error:
        raise McwssError(f"{path} does not exist: restore it or name another") from error
    except (ImageFileError, HeaderDataError, *DAMAGED) as error:
        raise McwssError(
            f"{path} is no image or damaged ({_reason(error)}): copy it again or leave it out"
        ) from error
    if len(shape) not in (3, 4) or 0 in shape:
        raise McwssError(
            f"{path} has the shape {_size(shape)}: expected three axes, or four with channels last"
        )
    fields = {name: image.header[name].copy() for name in PLACEMENT_FIELDS}
    fields["pixdim"][4:] = 0
    geometry = Geometry.from_source(
        shape[:3],
        image.affine,
        spacing=image.header.get_zooms()[:3],
        placement=Placement(2 if isinstance(image, nib.Nifti2Image) else 1, fields),
    )
    return Header(path, geometry, shape[3] if len(shape) == 4 else 1)


def read_array(path: Path, geometry: Geometry, dtype: type[np.generic]) -> NDArray[Any]:
    """Read a file's voxels in canonical order.

    Parameters
    ----------
    path : Path
        The file.
    geometry : Geometry
        As its header has it.
    dtype : numpy type
        To convert to; scaling of the file is applied first.

    Returns
    -------
    ndarray
        ``(channels, z, y, x)``, non-finite voxels set to 0.

    Raises
    ------
    McwssError
        If the file is damaged.
    """
    try:
        if suffix_of(path) in PICTURE_SUFFIXES:
            with Image.open(path) as picture:
                pixels = np.asarray(picture)
            # (rows, columns[, bands]) to (bands, i, j, k), alpha left out.
            pixels = np.atleast_3d(pixels)
            pixels = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]
            array = pixels.transpose(2, 1, 0)[..., None].astype(dtype)
        else:
            image: Any = nib.load(path)
            array = np.asanyarray(image.dataobj, dtype)
            array = array[None] if array.ndim == 3 else np.moveaxis(array, 3, 0)
    except (ImageFileError, HeaderDataError, *DAMAGED) as error:
        raise McwssError(
            f"{path} is damaged ({_reason(error)}): copy it again or leave it out"
        ) from error
    if np.issubdtype(array.dtype, np.floating):
        np.nan_to_num(array, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return geometry.to_canonical(array)


def read_scan(name: str, channels: Sequence[str], files: Sequence[Path]) -> Scan:
    """Open a scan; its voxels are read when first asked for.

    Parameters
    ----------
    name : str
        Of the scan.
    channels : sequence of str
        Names of the channels.
    files : sequence of Path
        One file a channel, or one file that holds all.

    Raises
    ------
    McwssError
        If a file is unreadable, the number of channels does not fit, or
        channels differ in shape.
    """
    headers = [read_header(path) for path in files]
    first = headers[0]
    grey = first.channels == 3 and len(channels) == 1 and suffix_of(first.path) in PICTURE_SUFFIXES
    found = sum(header.channels for header in headers)
    if found != len(channels) and not grey:
        raise McwssError(
            f"scan {name} has {found} channels in {', '.join(p.name for p in files)}, expected "
            f"{len(channels)} ({', '.join(channels)}): name them all, or choose other files"
        )
    for header in headers[1:]:
        if header.geometry.source_shape != first.geometry.source_shape:
            raise McwssError(
                f"channels of scan {name} differ in shape: {first.path.name} is "
                f"{_size(first.geometry.source_shape)}, {header.path.name} is "
                f"{_size(header.geometry.source_shape)}: resample one onto the other"
            )
        difference = first.geometry.differs_from(header.geometry)
        if difference:
            warnings.warn(
                f"scan {name}: {first.path.name} and {header.path.name}: {difference}; "
                "voxels are taken as aligned",
                stacklevel=2,
            )

    def load() -> NDArray[np.float32]:
        arrays = [read_array(header.path, header.geometry, np.float32) for header in headers]
        if grey:
            arrays = [arrays[0].mean(0, keepdims=True)]
        return np.concatenate(arrays) if len(arrays) > 1 else np.ascontiguousarray(arrays[0])

    return Scan(name, tuple(channels), first.geometry, load)


def read_mask(path: Path, geometry: Geometry | None = None) -> NDArray[np.int32]:
    """Read a mask in canonical order: int32 ``(z, y, x)``, values rounded.

    Parameters
    ----------
    path : Path
        The file.
    geometry : Geometry, optional
        Of the scan that it belongs to.

    Raises
    ------
    McwssError
        If the file is unreadable, or its shape is not the scan's.
    """
    header = read_header(path)
    expected = header.geometry if geometry is None else geometry
    if header.geometry.shape != expected.shape:
        raise McwssError(
            f"mask {path} has the shape {_size(header.geometry.shape)} (z, y, x), its scan "
            f"{_size(expected.shape)}: choose the mask of this scan"
        )
    values = read_array(path, header.geometry, np.float32)[0]
    mask: NDArray[np.int32] = np.rint(values).astype(np.int32)
    return mask


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
