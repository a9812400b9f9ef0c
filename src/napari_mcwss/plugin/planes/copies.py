"""Copies of a viewer's layers in further viewers, which show the same voxels."""

from collections.abc import Sequence
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, Qt, Signal

from napari_mcwss.plugin.shared.layer_geometry import share_grid
from napari_mcwss.plugin.shared.layers import RESULTS, study_layers
from napari_mcwss.plugin.shared.removal import remove_layers

_ATTRIBUTES = (
    "data",
    "scale",
    "translate",
    "rotate",
    "shear",
    "affine",
    "units",
    "axis_labels",
    "contrast_limits_range",
    "contrast_limits",
    "colormap",
    "gamma",
    "interpolation2d",
    "contour",
    "selected_label",
    "show_selected_label",
    "blending",
    "opacity",
    "visible",
)
"""What copies take over, in the order in which it is set: limits after their range."""

_CONTENTS = ("set_data", "reload", "labels_update", "paint")
"""Events after which the voxels of an array are others, also by a brush."""


class LayerCopies(QObject):  # type: ignore[misc]
    """Keeps copies of a viewer's image and labels layers in other viewers.

    While a scan of a study is on screen, layers of the user on another grid have no copies: they
    would cover it.

    A layer holds the slice that one viewer shows of it, so each viewer needs its own. Copies share
    the voxels. Whatever changes in one turn of the event loop, in any thread, is taken over
    together in the main thread.

    Attributes
    ----------
    applied : Signal
        The copies are as their layers again.
    busy : bool
        Whether copies are being changed, which moves the sliders of their viewers.
    """

    applied = Signal()
    _wanted = Signal()

    def __init__(self, viewer: ViewerModel, models: Sequence[ViewerModel]) -> None:
        super().__init__()
        self._viewer, self._models = viewer, list(models)
        self._copies: dict[Layer, list[Layer]] = {}
        self._changed: dict[Layer, set[str]] = {}
        self._waits = self.busy = False
        self._wanted.connect(self.apply, Qt.ConnectionType.QueuedConnection)
        events = viewer.layers.events
        self._seen = self._view()
        dims = viewer.dims.events
        self._view_events = (dims.point, dims.order, dims.ndisplay)
        for event in self._view_events:
            # After the viewer has drawn its layers anew.
            event.connect(self._look, position="last")
        self._list_events = (events.inserted, events.removed, events.reordered)
        for event in self._list_events:
            event.connect(self.ask)
        self.apply()

    def copies(self, layer: Layer) -> list[Layer]:
        """Return the copies of a layer, one for each viewer; none of kinds that have none."""
        return list(self._copies.get(layer, ()))

    def apply(self) -> None:
        """Make the copies as their layers are now."""
        self._waits, self.busy = False, True
        changed, self._changed = self._changed, {}
        self._list()
        for layer, names in changed.items():
            for copy in self._copies.get(layer, ()):
                _update(copy, layer, names)
        self.busy = False
        self.applied.emit()

    def end(self) -> None:
        """Let go of all layers."""
        self._wanted.disconnect(self.apply)
        for event in self._view_events:
            event.disconnect(self._look)
        for event in self._list_events:
            event.disconnect(self.ask)
        for layer in [*self._copies]:
            self._forget(layer)
        for model in self._models:
            model.layers.clear()
        self._changed.clear()
        self._models.clear()

    def ask(self, _: Any = None) -> None:
        """Have `apply` called once the main thread is free."""
        if not self._waits:
            self._waits = True
            self._wanted.emit()

    def _view(self) -> tuple[Any, ...]:
        dims = self._viewer.dims
        return tuple(dims.point), tuple(dims.order), dims.ndisplay

    def _look(self, _: Any = None) -> None:
        self._seen = self._view()

    def _note(self, event: Any) -> None:
        if event.type == "set_data" and self._view() != self._seen:
            return  # the viewer shows another slice, of the same voxels
        self._changed.setdefault(event.source, set()).add(event.type)
        self.ask()

    def _list(self) -> None:
        """Add, remove and order copies."""
        layers = [layer for layer in self._viewer.layers if isinstance(layer, Image | Labels)]
        if scan := study_layers(self._viewer, "scan"):
            ours = study_layers(self._viewer, "scan", *RESULTS, "corrected")
            layers = [one for one in layers if one in ours or share_grid(one, scan[0])]
        gone = [self._forget(layer) for layer in [*self._copies] if layer not in layers]
        if gone:
            for model, copies in zip(self._models, zip(*gone, strict=True), strict=True):
                remove_layers(model, copies)
        for layer in layers:
            if layer not in self._copies:
                self._copies[layer] = [_copy(layer) for _ in self._models]
                for model, copy in zip(self._models, self._copies[layer], strict=True):
                    model.layers.append(copy)
                for event in _events(layer):
                    event.connect(self._note)
        for number, model in enumerate(self._models):
            for place, layer in enumerate(layers):
                copy = self._copies[layer][number]
                if model.layers[place] is not copy:
                    model.layers.move(model.layers.index(copy), place)
            # Or keys and the mouse would act on a layer.
            model.layers.selection.clear()

    def _forget(self, layer: Layer) -> list[Layer]:
        for event in _events(layer):
            event.disconnect(self._note)
        self._changed.pop(layer, None)
        return self._copies.pop(layer)


def _events(layer: Layer) -> list[Any]:
    emitters = layer.events.emitters
    return [emitters[name] for name in (*_ATTRIBUTES, *_CONTENTS) if name in emitters]


def _copy(layer: Layer) -> Layer:
    data, state, kind = layer.as_layer_data_tuple()
    # The limits are the layer's own, not those of the slice that a copy shows.
    state.pop("auto_contrast", None)
    return Layer.create(data, state, kind)


def _update(copy: Layer, layer: Layer, names: set[str]) -> None:
    for name in _ATTRIBUTES:
        if name in names:
            value = getattr(layer, name)
            setattr(copy, name, value.affine_matrix if name == "affine" else value)
    if "data" not in names and names.intersection(_CONTENTS):
        copy.refresh(thumbnail=False, highlight=False, extent=False)
