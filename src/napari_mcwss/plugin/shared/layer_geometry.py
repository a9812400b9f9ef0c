"""The geometry of an image layer, whoever has opened it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_mcwss.scans.geometry import Geometry


def geometry_of(shape: Sequence[int], attributes: dict[str, Any]) -> Geometry:
    """Give the geometry of a layer's array.

    It is the one that the layer was read with, if it still fits; otherwise
    the layer is taken to be in canonical order, with its own scale.

    Parameters
    ----------
    shape : sequence of int
        Of the array, ``(z, y, x)``.
    attributes : dict
        ``metadata`` and ``scale`` of the layer.
    """
    kept = attributes.get("metadata", {}).get("geometry")
    if isinstance(kept, Geometry) and kept.shape == tuple(shape):
        return kept
    z, y, x = ([1.0, 1.0, 1.0] + [float(mm) for mm in attributes.get("scale", ())])[-3:]
    return Geometry.from_source(tuple(shape)[::-1], np.diag([-x, -y, z, 1.0]))
