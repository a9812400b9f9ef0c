"""The geometry and the channels of an image layer."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from napari.utils.transforms import Affine
from numpy.typing import NDArray
from pint import application_registry
from pint.errors import PintError

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import COLOURS

_PLACING = ("scale", "translate", "rotate", "shear")

_REVERSED = np.eye(4)[[2, 1, 0, 3]]


_NUMBER = re.compile(r" \[\d+\]$")
"""What napari appends to the name of a layer that is taken."""


def channels_of(layer: Image) -> list[tuple[str, Any]]:
    """Return name and array of a layer; of a coloured one, those of its red, green and blue."""
    if not layer.rgb:
        return [(layer.name, layer.data)]
    return [(f"{layer.name} {name}", layer.data[..., k]) for k, name in enumerate(COLOURS)]


def own_names(names: Sequence[str]) -> list[str]:
    """Return the names that layers had before napari numbered them, where they stay distinct.

    Examples
    --------
    >>> own_names(["t1c [1]", "image", "image [1]"])
    ['t1c', 'image', 'image [1]']
    """
    bare = [_NUMBER.sub("", name) for name in names]
    return [one if bare.count(one) == 1 else name for one, name in zip(bare, names, strict=True)]


def share_grid(one: Layer, other: Layer) -> bool:
    """Return whether two layers have the same voxels in the same place; colours are no axis."""
    count = one.ndim
    if count != other.ndim or one.data.shape[:count] != other.data.shape[:count]:
        return False
    points = np.vstack([np.zeros(count), np.eye(count)])
    here, there = ([layer.data_to_world(point) for point in points] for layer in (one, other))
    return bool(np.allclose(here, there, atol=1e-3))


def attributes_of(layer: Image) -> dict[str, Any]:
    """Return what `geometry_of` takes of a layer, in a form that another thread can read."""
    placing = {name: getattr(layer, name) for name in (*_PLACING, "units", "name")}
    return {**placing, "affine": layer.affine.affine_matrix, "metadata": dict(layer.metadata)}


def geometry_of(shape: Sequence[int], attributes: dict[str, Any]) -> Geometry:
    """Return the geometry of a layer's array.

    It is the geometry that the layer was read with, if the shape ``(z, y, x)`` still fits;
    otherwise where the layer lies in napari, with z to superior, y to posterior and x to left.
    `attributes` are those of `attributes_of`, or of a napari writer; lengths without a unit are mm.

    Raises
    ------
    McwssError
        If the layer is turned or mirrored so far that its axes are no longer z, y and x.
    """
    kept = attributes.get("metadata", {}).get("geometry")
    if isinstance(kept, Geometry) and kept.shape == tuple(shape):
        return kept
    world = np.eye(4)
    own = _world(attributes)
    count = min(len(own) - 1, 3)
    world[3 - count : 3, 3 - count : 3] = own[-1 - count : -1, -1 - count : -1]
    world[3 - count : 3, 3] = own[-1 - count : -1, -1]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ _REVERSED @ world @ _REVERSED
    geometry = Geometry.from_source(tuple(shape)[::-1], affine)
    if not geometry.is_canonical:
        raise McwssError(
            f"layer {attributes.get('name', '')!r} is turned or mirrored so far that its axes are "
            "not z, y and x: reset its rotation and affine, or order its axes anew"
        )
    return geometry


def _world(attributes: dict[str, Any]) -> NDArray[np.float64]:
    """Return the matrix from a layer's array to the world, in mm."""
    placing = {name: attributes[name] for name in _PLACING if name in attributes}
    if not placing:
        return np.eye(4)
    own = Affine(**{name: np.asarray(value) for name, value in placing.items()}).affine_matrix
    if (outer := attributes.get("affine")) is not None:
        own = np.asarray(outer) @ own
    units = attributes.get("units") or ()
    for axis, unit in enumerate(map(_in_mm, units)):
        own[axis] *= unit
    return np.asarray(own, np.float64)


def _in_mm(unit: Any) -> float:
    """Return a unit of length in mm; 1 for pixels, and for what is no length."""
    # napari gives units of its own registry, and takes names.
    try:
        return float((1 * application_registry.Unit(str(unit))).to("mm").magnitude)
    except PintError:
        return 1.0
