"""Fitting what a scan shows to a canvas."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtWidgets import QWidget

from napari_mcwss.plugin.shared.layers import KEY

MARGIN = 0.05
"""Part of the canvas that stays free around it."""

STEP = 4
"""Every so many voxels are looked at."""


def fit(viewer: ViewerModel, canvas: QWidget) -> None:
    """Centre and zoom a view so that the patient fits the canvas, without the air around.

    Views without a scan are fitted as napari does it.
    """
    viewer.reset_view()
    box = _box(viewer)
    if box is None or viewer.dims.ndisplay != 2:
        return
    # Before napari 0.9, the viewer has the camera itself.
    camera = getattr(viewer, "scene", viewer).camera
    low, high = box[:, list(viewer.dims.order[-2:])]
    sizes = np.array([canvas.height(), canvas.width()])
    camera.center = (0.0, *((low + high) / 2))
    camera.zoom = float((sizes / (high - low)).min() * (1 - MARGIN))


def _box(viewer: ViewerModel) -> NDArray[np.float64] | None:
    """Return where the scan on screen begins and ends along the viewer's axes, in world units."""
    for layer in viewer.layers:
        if isinstance(layer, Image) and layer.visible and layer.metadata.get(KEY) == "scan":
            seen = layer.data[::STEP, ::STEP, ::STEP]
            seen = seen.max(-1) if layer.rgb else seen
            seen = seen > seen.min()
            if layer.ndim != viewer.dims.ndim or not seen.any():
                return None
            ends = []
            for axis in range(3):
                found = np.flatnonzero(seen.any(tuple({0, 1, 2} - {axis})))
                ends.append((found[0] - 1, found[-1] + 1))
            return np.asarray(STEP * np.array(ends).T * layer.scale, np.float64)
    return None
