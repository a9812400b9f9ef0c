"""Writing masks and maps back onto the voxels of the scan that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.scans.formats import VOLUME_SUFFIXES, suffix_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

    from napari_mcwss.scans.geometry import Geometry

_NIFTI1_LONGEST_AXIS = 32767


def write_volume(
    path: Path,
    array: NDArray[Any],
    geometry: Geometry,
    *,
    dtype: DTypeLike,
    scale: float | None = None,
    description: str = "",
) -> None:
    """Write one volume as NIfTI, on exactly the voxels of the scan's own file.

    Shape, axis order, affine and the codes that say what the affine means are
    those of the source, and so is the NIfTI version. The write is atomic.

    Parameters
    ----------
    path : Path
        A name that ends in ``.nii`` or ``.nii.gz``.
    array : (z, y, x) array
        The volume in canonical order.
    geometry : Geometry
        The scan's grid.
    dtype : dtype-like
        How voxels are stored.
    scale : float, optional
        Store ``array / scale``, rounded and clipped to what `dtype` holds, and
        let readers multiply it back: 1/255 keeps a CAM in one byte a voxel.
        By default voxels are stored as they are.
    description : str, optional
        A note for the header; what is beyond 79 bytes is cut off.

    Raises
    ------
    McwssError
        If the name is not one of a NIfTI file or the file cannot be written.
    ValueError
        If the array is not of the canonical shape, or holds what `dtype` cannot.
    """
    import nibabel as nib

    if suffix_of(path) not in VOLUME_SUFFIXES:
        raise McwssError(f"cannot write '{path}': expected a name that ends in .nii or .nii.gz")
    stored = geometry.to_source(_as_stored(array, np.dtype(dtype), scale))

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
    # Without an affine nibabel leaves the placing fields of the header alone,
    # and with a slope in the header it stores voxels as they are.
    image = image_class(stored, None, header)
    image.header.set_slope_inter(scale or 1.0, 0.0)
    with replacing(path) as temporary:
        image.to_filename(temporary)


def _as_stored(array: NDArray[Any], dtype: np.dtype[Any], scale: float | None) -> NDArray[Any]:
    """Convert to the stored type without wrapping anything around."""
    if dtype.kind not in "iu":
        return (array if scale is None else array / scale).astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    if scale is not None:
        return np.clip(np.rint(array / scale), limits.min, limits.max).astype(dtype)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError(
            f"values from {array.min()} to {array.max()} do not fit into {dtype} "
            f"({limits.min} to {limits.max})"
        )
    return array.astype(dtype, copy=False)


def _place(header: Any, geometry: Geometry) -> None:
    """Write the affine of a grid that comes from no NIfTI file."""
    header.set_xyzt_units("mm")
    header.set_qform(geometry.source_affine, code="scanner")
    # A quaternion holds no shear: only the sform is true then.
    if not np.allclose(header.get_qform(), geometry.source_affine, atol=1e-4):
        header["qform_code"] = 0
    header.set_sform(geometry.source_affine, code="scanner")
