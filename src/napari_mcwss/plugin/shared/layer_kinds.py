"""Layers of the study among those of the user, and the kinds of them."""

from napari.layers import Layer
from napari.viewer import Viewer

KEY = "napari_mcwss"
"""Metadata key of the kind of a layer of the study."""

OWN = "napari_mcwss_layer"
"""Metadata key of the layer's own id, which a copy of the layer does not match."""

EMPTY = "napari_mcwss_empty"
"""Metadata key of whether a layer was emptied: its zeros are no result."""

RESULTS = ("cam", "mask", "map", "preview", "live")
"""Kinds of layers that show the results of a model in the scan on screen."""


def study_layers(viewer: Viewer, *kinds: str) -> list[Layer]:
    """List the study's layers of these kinds.

    napari copies metadata with a layer: layers that the user has duplicated, converted or
    projected do not count.
    """
    return [
        layer
        for layer in viewer.layers
        if layer.metadata.get(KEY) in kinds and layer.metadata.get(OWN) == layer.unique_id
    ]
