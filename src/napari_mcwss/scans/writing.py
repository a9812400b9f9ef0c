"""Writing volumes in the exact geometry of their source."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from napari_mcwss.files import replacing
from napari_mcwss.scans.geometry import Geometry


def write_volume(
    path: Path, array: NDArray[Any], geometry: Geometry, *, scale: float | None = None
) -> None:
    """Write a volume as NIfTI, voxel by voxel where the source has it.

    Parameters
    ----------
    path : Path
        Ends in ``.nii`` or ``.nii.gz``.
    array : ndarray
        ``(z, y, x)`` in canonical order; its type is the file's type.
    geometry : Geometry
        Of the source.
    scale : float, optional
        What a step of an integer array stands for; readers multiply by it.

    Raises
    ------
    McwssError
        If the file cannot be written; an older one is untouched then.
    """
    image = nib.Nifti1Image(np.asarray(geometry.to_source(array)), geometry.source_affine)
    image.header.set_xyzt_units("mm")
    if scale is not None:
        image.header.set_slope_inter(scale, 0)
    with replacing(path) as temporary:
        # to_filename would rescale integers by the slope: the array is already scaled.
        image.to_filename(temporary) if scale is None else _write_scaled(image, temporary)
