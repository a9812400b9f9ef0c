"""Layers that are removed together."""

import gc

import numpy as np
import pytest

from napari_mcwss.plugin.shared.removal import remove_layers

pytestmark = pytest.mark.gui


def test_layers_are_removed_with_one_search_for_garbage(make_napari_viewer, monkeypatch):
    viewer = make_napari_viewer(show=True)
    ours = [viewer.add_image(np.zeros((2, 8, 8))) for _ in range(3)]
    other = viewer.add_labels(np.zeros((2, 8, 8), np.uint8))
    searches: list[object] = []
    collect = gc.collect
    monkeypatch.setattr(gc, "collect", lambda *_: searches.append(None) or collect())
    remove_layers(viewer, ours)
    assert list(viewer.layers) == [other]
    assert len(searches) <= 1, "each takes tenths of a second"
    remove_layers(viewer, [])
    assert len(searches) <= 1
