"""Writing volumes in the exact geometry of their source."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_mcwss.files import replacing
from napari_mcwss.scans.geometry import Geometry


def write_volume(
    path: Path,
    array: NDArray[Any],
    geometry: Geometry,
    *,
    dtype: DTypeLike,
    scaled: bool = False,
) -> None:
    """Write a volume as NIfTI, voxel by voxel where the source has it.

    Parameters
    ----------
    path : Path
        Ends in ``.nii`` or ``.nii.gz``.
    array : (z, y, x) array
        In canonical order.
    geometry : Geometry
        Of the source.
    dtype : numpy type
        Of the voxels in the file.
    scaled : bool, optional
        Spread the values over the range of an integer `dtype`, with scale
        factors in the header that readers apply, rather than cut off decimals.

    Raises
    ------
    McwssError
        If the file cannot be written; an older one is untouched then.
    """
    placement = geometry.placement
    image_type = nib.Nifti2Image if placement and placement.version == 2 else nib.Nifti1Image
    header = image_type.header_class()
    if placement is None:
        header.set_sform(geometry.source_affine, code="scanner")
        header.set_qform(geometry.source_affine, code="scanner", strip_shears=True)
        header.set_xyzt_units("mm")
    else:
        for field, value in placement.fields.items():
            header[field] = value
    header.set_data_dtype(dtype)
    stored = np.asarray(geometry.to_source(array))
    if not scaled:
        stored = stored.astype(dtype, copy=False)
    with replacing(path) as temporary:
        nib.save(image_type(stored, None, header), temporary)
