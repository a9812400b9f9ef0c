"""The layers of CAMs and mask that show a result."""

import numpy as np
from napari.layers import Labels

from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.layers import empty_layers, show_prediction_layers, study_layers
from napari_mcwss.segmentation.masks.settings import MaskSettings


class ResultLayers:
    """Keeps the layers in step with a state."""

    def __init__(self, state: ResultState) -> None:
        self._state, self._viewer = state, state.session.viewer
        self._opacities = {"cam": 0.6, "mask": 0.5}
        state.shown.connect(self._show)
        state.settings_changed.connect(self._show_slice)
        for signal in (state.mask_changed, state.step_changed):
            signal.connect(self._show_mask)

    def clear(self) -> None:
        """Leave nothing to see in the layers."""
        empty_layers(self._viewer, "cam", "mask")

    def set_opacity(self, kind: str, opacity: float) -> None:
        """Set the opacity of the mask, or of the CAMs and other maps (``mask``, ``cam``)."""
        self._opacities[kind] = opacity
        for layer in study_layers(self._viewer, *(("cam", "map") if kind == "cam" else ("mask",))):
            layer.opacity = opacity

    def _show(self) -> None:
        state = self._state
        study, result, mask = state.session.study, state.on_screen, state.shown_mask
        if study is None or result is None or mask is None:
            return
        found = result.prediction
        cams = dict(zip(found.classes, found.cams, strict=True))
        for name in found.unknown:
            del cams[name]
        show_prediction_layers(self._viewer, result.geometry, study.classes, cams, mask.copy())
        for kind, opacity in self._opacities.items():
            self.set_opacity(kind, opacity)

    def _show_mask(self) -> None:
        layer, mask = self._mask_layer(), self._state.shown_mask
        if layer is None or mask is None:
            return
        index = self._state.session.slice_index
        # Most often this slice has followed already, and to draw it takes longer than all else.
        seen = index is not None and np.array_equal(layer.data[index], mask[index])
        layer.data[...] = mask
        if not seen or self._state.session.planes_beside:
            _draw(layer)

    def _show_slice(self, settings: MaskSettings) -> None:
        """Make and show the mask of the slice on screen at once."""
        layer, index = self._mask_layer(), self._state.session.slice_index
        result = self._state.on_screen
        # Volumes depend on all slices: none can be made before the others.
        if layer is not None and index is not None and result is not None and not settings.volumes:
            here = slice(index, index + 1)
            layer.data[here] = result.mask(settings, here)
            _draw(layer)

    def _mask_layer(self) -> Labels | None:
        return next(iter(study_layers(self._viewer, "mask")), None)


def _draw(layer: Labels) -> None:
    """Draw a layer of which only the values have changed."""
    layer.refresh(extent=False, highlight=False)
