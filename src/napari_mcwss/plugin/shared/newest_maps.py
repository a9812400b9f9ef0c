"""Which of a class's maps is shown: the one that was made last."""

from itertools import count

from napari.layers import Layer
from napari.viewer import Viewer

from napari_mcwss.plugin.shared.layer_kinds import EMPTY, study_layers

MAPS = ("cam", "map", "preview", "live")
"""Kinds of layers that show where a class is; each kind has a layer for each class."""

_MADE = "napari_mcwss_made"
"""Metadata key of the number of the last making of a layer's map: newer ones are larger."""

_KEPT = "napari_mcwss_kept"
"""Metadata key of whether the next making counts as one of before."""

_VISIBLE = "napari_mcwss_visible"
"""Metadata key of the visibility that was set here; another one is the user's choice."""

_numbers = count(1)


def note_made(layer: Layer) -> None:
    """Note that the map of a layer was just made."""
    layer.metadata[EMPTY] = False
    if not layer.metadata.pop(_KEPT, False) or _MADE not in layer.metadata:
        layer.metadata[_MADE] = next(_numbers)


def keep_order(layer: Layer) -> None:
    """Let the next map of a layer, of another scan, be no newer than the one before."""
    layer.metadata[_KEPT] = True


def show_newest_maps(viewer: Viewer) -> None:
    """Show the newest map of each class, and hide the others.

    Layers that the user has shown or hidden stay so.
    """
    by_class: dict[str, list[Layer]] = {}
    for layer in study_layers(viewer, *MAPS):
        if not layer.metadata.get(EMPTY):
            by_class.setdefault(layer.metadata["class"], []).append(layer)
    for layers in by_class.values():
        newest = max(layers, key=lambda layer: layer.metadata.get(_MADE, 0))
        for layer in layers:
            if layer.visible == layer.metadata.get(_VISIBLE, True):
                layer.visible = layer.metadata[_VISIBLE] = layer is newest


def hide(layer: Layer) -> None:
    """Hide the layer of a map, which is shown again when another one is made."""
    layer.visible = layer.metadata[_VISIBLE] = False
