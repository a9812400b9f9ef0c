"""The geometry and the channels of an image layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image

from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import COLOURS


def channels_of(layer: Image) -> list[tuple[str, Any]]:
    """Return name and array of a layer; of a coloured one, those of its red, green and blue."""
    if not layer.rgb:
        return [(layer.name, layer.data)]
    return [(f"{layer.name} {name}", layer.data[..., k]) for k, name in enumerate(COLOURS)]


def geometry_of(shape: Sequence[int], attributes: dict[str, Any]) -> Geometry:
    """Return the geometry of a layer's array.

    It is the geometry that the layer was read with, if the shape ``(z, y, x)`` still fits;
    otherwise canonical order with the layer's scale. `attributes` are its ``metadata`` and
    ``scale``.
    """
    kept = attributes.get("metadata", {}).get("geometry")
    if isinstance(kept, Geometry) and kept.shape == tuple(shape):
        return kept
    z, y, x = ([1.0, 1.0, 1.0] + [float(mm) for mm in attributes.get("scale", ())])[-3:]
    return Geometry.from_source(tuple(shape)[::-1], np.diag([-x, -y, z, 1.0]))
