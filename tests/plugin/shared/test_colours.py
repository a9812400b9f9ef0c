"""A coloured picture is one layer, which shows its colours."""

import numpy as np
import pytest
from PIL import Image

from napari_mcwss.plugin.shared.layers import show_scan_layers, study_layers
from napari_mcwss.scans.reading import read_scan
from napari_mcwss.scans.scan import COLOURS

pytestmark = pytest.mark.gui

RED, GREEN = (200, 20, 10), (10, 180, 30)


def picture(folder, name, colour, shape=(40, 60)):
    Image.new("RGB", shape[::-1], colour).save(folder / name)
    return read_scan(name, COLOURS, [folder / name])


def centre(viewer):
    shot = viewer.screenshot(canvas_only=True, flash=False)
    return shot[shot.shape[0] // 2, shot.shape[1] // 2, :3]


def test_its_colours_are_seen_also_after_another_picture(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer(show=True)
    show_scan_layers(viewer, picture(tmp_path, "a.png", RED))
    (layer,) = study_layers(viewer, "scan")
    assert layer.rgb
    assert viewer.dims.ndim == 3
    np.testing.assert_allclose(centre(viewer), RED, atol=2)
    layer.opacity = 0.9
    show_scan_layers(viewer, picture(tmp_path, "b.png", GREEN, (80, 50)))
    assert study_layers(viewer, "scan") == [layer]
    assert (layer.data.shape, layer.opacity) == ((1, 80, 50, 3), 0.9)
    layer.opacity = 1
    np.testing.assert_allclose(centre(viewer), GREEN, atol=2)


def test_beside_scans_with_other_channels(make_napari_viewer, tmp_path, phantom_study):
    viewer = make_napari_viewer(show=True)
    scan = phantom_study.scan(phantom_study.scan_names[0])
    show_scan_layers(viewer, scan)
    show_scan_layers(viewer, picture(tmp_path, "a.png", RED))
    assert [layer.rgb for layer in study_layers(viewer, "scan")] == [True]
    show_scan_layers(viewer, scan)
    assert [layer.name for layer in study_layers(viewer, "scan")] == list(scan.channels)


def test_more_than_eight_bits_are_three_layers_with_contrast(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer(show=True)
    files = []
    for name in COLOURS:
        Image.new("I;16", (60, 40), 900).save(tmp_path / f"{name}.png")
        files.append(tmp_path / f"{name}.png")
    show_scan_layers(viewer, read_scan("a", COLOURS, files))
    assert [layer.rgb for layer in study_layers(viewer, "scan")] == [False] * 3
