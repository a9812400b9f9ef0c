"""A line of text with the CAM values under the mouse pointer."""

from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.layers import study_layers

HINT = "Point at the scan to see the CAM of each class there."


class HoverLine(QLabel):  # type: ignore[misc]
    """Tells each class's CAM at the voxel below the mouse, in 3-D the highest one behind it.

    napari's own status bar tells the value of the selected layer alone.
    """

    def __init__(self, state: ResultState) -> None:
        super().__init__(HINT, textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self._state = state
        callbacks, moved = state.session.viewer.mouse_move_callbacks, self._moved
        callbacks.append(moved)
        # The viewer outlives the dock.
        self.destroyed.connect(lambda: callbacks.remove(moved))
        for signal in (state.shown, state.cleared):
            signal.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setText(HINT)
        self.setVisible(self._state.on_screen is not None)

    def _moved(self, viewer: Viewer, event: Any) -> None:
        result = self._state.on_screen
        layer = next(iter(study_layers(viewer, "mask")), None)
        if result is None or layer is None:
            return
        voxels = _voxels(layer, event)
        shape = np.array(result.geometry.shape)
        voxels = voxels[((voxels >= 0) & (voxels < shape)).all(1)]
        if not len(voxels):
            self.setText(HINT)
            return
        values = result.prediction.cams[(slice(None), *voxels.T)]
        found = dict(zip(result.prediction.classes, values.max(1), strict=True))
        unknown = result.prediction.unknown
        texts = ", ".join(f"{n} {value:.2f}" for n, value in found.items() if n not in unknown)
        where = "highest behind the mouse"
        if len(voxels) == 1:
            z, y, x = voxels[0]
            where = f"slice {z}, row {y}, column {x}"
        self.setText(f"{texts} ({where})")


def _voxels(layer: Layer, event: Any) -> NDArray[np.intp]:
    """Return the voxel below the mouse, in 3-D all behind it: intp ``(voxels, 3)``."""
    displayed = [axis - (len(event.position) - 3) for axis in event.dims_displayed]
    if len(displayed) < 3:
        return np.round(np.array([layer.world_to_data(event.position)])).astype(np.intp)
    start, end = layer.get_ray_intersections(event.position, event.view_direction, displayed)
    if start is None or end is None:
        return np.zeros((0, 3), np.intp)
    steps = max(2, int(np.ceil(np.linalg.norm(end - start))))
    return np.round(np.linspace(start, end, steps)).astype(np.intp)
