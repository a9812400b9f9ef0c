"""Removal of layers."""

from collections.abc import Sequence
from contextlib import nullcontext

from napari.components import ViewerModel
from napari.layers import Layer


def remove_layers(viewer: ViewerModel, layers: Sequence[Layer]) -> None:
    """Remove layers of a viewer, all at once.

    napari 0.9 collects the garbage of the whole program after each removal, which takes tenths of a
    second once PyTorch is loaded; after a batch, it does so once.
    """
    if not layers:
        return
    with getattr(viewer.layers, "batched_update", nullcontext)():
        for layer in layers:
            viewer.layers.remove(layer)
