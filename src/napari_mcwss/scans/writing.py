"""Writing masks and maps onto the voxels of the scan that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.scans.formats.registry import format_named, is_written, written_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

    from napari_mcwss.scans.geometry import Geometry


def write_volume(
    path: Path,
    array: NDArray[Any],
    geometry: Geometry,
    *,
    dtype: DTypeLike,
    scale: float | None = None,
    description: str = "",
) -> None:
    """Write one volume on exactly the voxels of the scan's own file, atomically.

    Shape, axis order and affine are those of the source; of a NIfTI source also its version,
    and the codes that say what the affine means.

    Parameters
    ----------
    path : Path
        A name with the suffix of a format that can be written, such as ``.nii.gz``.
    array : (z, y, x) array
        The volume in canonical order.
    geometry : Geometry
        The scan's grid.
    dtype : dtype-like
        Type of the stored voxels.
    scale : float, optional
        Store ``array / scale``, rounded and clipped to the range of `dtype`; readers multiply
        it back. With 1/255 a CAM takes one byte a voxel. By default voxels are stored as they
        are.
    description : str, optional
        A note for the header; NIfTI keeps 79 bytes of it.

    Raises
    ------
    McwssError
        If no format with this suffix can be written, or the file cannot be written.
    ValueError
        If the array has another shape than the grid, or values that `dtype` cannot hold.
    """
    found = format_named(path)
    if found is None or found.write is None or not is_written(path):
        raise McwssError(f"cannot write '{path}': expected a name that ends in {written_text()}")
    stored = geometry.to_source(_as_stored(array, np.dtype(dtype), scale))
    with replacing(path) as temporary:
        found.write(temporary, stored, geometry, scale or 1.0, description)


def _as_stored(array: NDArray[Any], dtype: np.dtype[Any], scale: float | None) -> NDArray[Any]:
    """Convert to the stored type; raise rather than let values overflow."""
    if dtype.kind not in "iu":
        return (array if scale is None else array / scale).astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    if scale is not None:
        # In place, as volumes are large.
        scaled = array / scale
        np.rint(scaled, out=scaled)
        return np.clip(scaled, limits.min, limits.max, out=scaled).astype(dtype)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError(
            f"values from {array.min()} to {array.max()} do not fit into {dtype} "
            f"({limits.min} to {limits.max})"
        )
    return array.astype(dtype, copy=False)
