"""Copies of layers share their voxels, and follow whatever changes."""

from threading import Thread

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QThread

from napari_mcwss.plugin.planes.copies import LayerCopies

pytestmark = pytest.mark.gui

SHAPE = (4, 6, 8)


@pytest.fixture
def viewer(qapp) -> ViewerModel:
    viewer = ViewerModel()
    voxels = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    viewer.add_image(voxels, name="scan", scale=(3, 1, 1))
    viewer.add_image(voxels, name="CAM", opacity=0.6, colormap="red", visible=False)
    viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mask", opacity=0.5)
    return viewer


@pytest.fixture
def other(qapp) -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def copies(viewer, other):
    copies = LayerCopies(viewer, [other])
    yield copies
    copies.end()


def names(viewer: ViewerModel) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_copies_share_the_voxels(viewer, other, copies):
    assert names(other) == names(viewer)
    for layer, copy in zip(viewer.layers, other.layers, strict=True):
        assert np.shares_memory(layer.data, copy.data)
        assert copy is not layer
    assert not other.layers.selection


def test_looks_are_taken_over(viewer, other, copies, qtbot):
    scan, cam, mask = viewer.layers
    scan.contrast_limits_range, scan.contrast_limits = (-100, 100), (-50, 20)
    scan.colormap, scan.gamma, scan.interpolation2d = "viridis", 0.5, "linear"
    cam.visible, cam.opacity, cam.blending = True, 0.2, "additive"
    scan.scale, scan.translate, scan.affine = (2, 2, 2), (1, 0, 0), np.diag([1, 2, 1, 1.0])
    mask.contour, mask.visible = 1, False
    with qtbot.waitSignal(copies.applied):
        pass
    for layer, copy in zip(viewer.layers, other.layers, strict=True):
        for name in ("visible", "opacity", "blending"):
            assert getattr(copy, name) == getattr(layer, name)
        np.testing.assert_array_equal(copy.scale, layer.scale)
        np.testing.assert_array_equal(copy.translate, layer.translate)
        np.testing.assert_array_equal(copy.affine.affine_matrix, layer.affine.affine_matrix)
    copy = other.layers[0]
    assert copy.contrast_limits == [-50, 20]
    assert (copy.colormap.name, copy.gamma, copy.interpolation2d) == ("viridis", 0.5, "linear")
    assert other.layers[2].contour == 1


def test_new_voxels_and_strokes_of_the_brush_are_drawn(viewer, other, copies, qtbot):
    viewer.dims.set_point(0, 2)
    other.dims.order = (1, 0, 2)
    other.dims.set_point(1, 3)
    mask, copy = viewer.layers[2], other.layers[2]
    with qtbot.waitSignal(copies.applied):
        mask.selected_label, mask.brush_size, mask.mode = 2, 1, "paint"
        mask.paint((2, 3, 5), 2)
    assert copy._slice.image.raw[2, 5] == 2
    with qtbot.waitSignal(copies.applied):
        mask.undo()
    assert copy._slice.image.raw[2, 5] == 0
    with qtbot.waitSignal(copies.applied):
        mask.data[1, 3, 1] = 1
        mask.refresh()
    assert copy._slice.image.raw[1, 1] == 1
    with qtbot.waitSignal(copies.applied):
        mask.data = np.full(SHAPE, 3, np.uint8)
    assert np.shares_memory(mask.data, copy.data)
    assert copy._slice.image.raw[0, 0] == 3


def test_layers_come_go_and_change_places(viewer, other, copies, qtbot):
    with qtbot.waitSignal(copies.applied):
        viewer.layers.move(2, 0)
        viewer.add_labels(np.zeros(SHAPE, np.uint8), name="corrected")
        viewer.add_points(np.zeros((1, 3)), name="points")
        viewer.layers.remove("CAM")
        viewer.layers.move(3, 0)
    assert names(viewer) == ["points", "mask", "scan", "corrected"]
    assert names(other) == ["mask", "scan", "corrected"]


def test_moving_through_slices_draws_no_copy_again(viewer, other, copies, qtbot):
    drawn = []
    for copy in other.layers:
        copy.events.set_data.connect(drawn.append)
    viewer.dims.set_point(0, 6)
    viewer.dims.set_point(0, 9)
    qtbot.wait(50)
    assert not drawn


def test_what_another_thread_changes_is_drawn_in_the_main_thread(viewer, other, copies, qtbot):
    threads = []
    other.layers[0].events.opacity.connect(lambda _: threads.append(QThread.currentThread()))
    main = QThread.currentThread()
    with qtbot.waitSignal(copies.applied):
        worker = Thread(target=lambda: setattr(viewer.layers[0], "opacity", 0.3))
        worker.start()
        worker.join()
    assert other.layers[0].opacity == 0.3
    assert threads == [main]


def test_ended_copies_follow_no_more(viewer, other):
    copies = LayerCopies(viewer, [other])
    copies.end()
    viewer.layers[0].opacity = 0.1
    viewer.layers.remove("CAM")
    assert not other.layers
