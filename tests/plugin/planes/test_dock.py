"""Three planes beside each other: the same point, the same layers, the same tags."""

import gc
import weakref

import numpy as np
import pytest
from helpers.docks import opened
from napari.qt import QtViewer
from napari.qt.threading import WorkerBase
from PIL import Image
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.plugin.planes.dock import NOTHING, ONE_PLANE, PlanesDock
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 60_000

AXIAL, CORONAL, SAGITTAL = (0, 1, 2), (1, 0, 2), (2, 0, 1)
LETTERS = {AXIAL: "APRL", CORONAL: "SIRL", SAGITTAL: "SIAP"}


def letters(model) -> str:
    overlays = model.canvas.overlays
    return "".join(overlays[f"mcwss_{side}"].text for side in ("top", "bottom", "left", "right"))


def main_view(dock: PlanesDock) -> QtViewer:
    return next(view for view in dock.window().findChildren(QtViewer) if view.viewer is dock.viewer)


def test_the_two_planes_that_the_main_view_lacks_are_shown(planes):
    dims = planes.viewer.dims
    for order, beside in (
        (AXIAL, [CORONAL, SAGITTAL]),
        (SAGITTAL, [CORONAL, AXIAL]),
        (CORONAL, [SAGITTAL, AXIAL]),
    ):
        dims.order = order
        models = [plane.model for plane in planes.planes]
        assert [tuple(model.dims.order) for model in models] == beside
        assert [letters(model) for model in models] == [LETTERS[order] for order in beside]
        assert {plane.title.text() for plane in planes.planes} == {
            {AXIAL: "Axial", CORONAL: "Coronal", SAGITTAL: "Sagittal"}[order] for order in beside
        }
    upward = [model.scene.camera.orientation2d[0] for model in models]
    assert upward == ["up", "down"], "the head is above in a sagittal plane"


def test_a_plane_shows_the_voxels_at_the_point(planes, tagging):
    dims = planes.viewer.dims
    spacing = tagging.session.study.scan(tagging.session.scan).geometry.spacing
    dims.point = tuple(index * size for index, size in zip((10, 30, 20), spacing, strict=True))
    (layer,) = (layer for layer in study_layers(planes.viewer, "scan") if layer.visible)
    coronal, sagittal = planes.copies.copies(layer)
    np.testing.assert_array_equal(coronal._slice.image.view, layer.data[:, 30])
    np.testing.assert_array_equal(sagittal._slice.image.view, layer.data[:, :, 20])


def test_a_click_in_a_plane_moves_the_others_and_the_strip(planes, tagging, click):
    coronal, sagittal = planes.planes
    before = np.array(planes.viewer.dims.point)
    tagging.session.go_to(12)
    zoom = coronal.model.scene.camera.zoom
    click(coronal.view, coronal.crosshair, (20, 30))
    spacing = tagging.session.study.scan(tagging.session.scan).geometry.spacing
    point = np.array(planes.viewer.dims.point)
    expected = [12 * spacing[0] - 30 / zoom, before[1], before[2] + 20 / zoom]
    np.testing.assert_allclose(point, expected, atol=max(spacing) / 2 + 1 / zoom)
    assert sagittal.model.dims.point == coronal.model.dims.point == planes.viewer.dims.point
    index = round(point[0] / spacing[0])
    assert index != 12
    assert tagging.session.slice_index == index
    assert tagging.slices.slice_label.text().startswith(f"Slice {index} ")


def test_a_click_in_the_main_view_moves_the_planes_but_not_the_slice(planes, tagging, click):
    tagging.session.go_to(12)
    before = np.array(planes.viewer.dims.point)
    click(main_view(planes), planes.crosshair, (-25, 15))
    zoom = planes.viewer.scene.camera.zoom
    expected = before + np.array([0, 15 / zoom, -25 / zoom])
    spacing = tagging.session.study.scan(tagging.session.scan).geometry.spacing
    point = planes.planes[0].model.dims.point
    np.testing.assert_allclose(point, expected, atol=max(spacing[1:]) / 2 + 1 / zoom)
    assert tagging.session.slice_index == 12


def test_a_click_beside_the_scan_shows_its_border(planes):
    coronal = planes.planes[0]
    native = coronal.view.canvas.native
    QTest.mouseClick(native, Qt.MouseButton.LeftButton, pos=QPoint(2, 2), delay=1)
    (_, top, _), _, (left, *_) = planes.viewer.dims.range
    assert planes.viewer.dims.point[0] == top
    assert planes.viewer.dims.point[2] == left


def test_a_drag_and_a_stroke_of_the_brush_leave_the_point(planes, tagging, click):
    point = planes.viewer.dims.point
    native = planes.planes[0].view.canvas.native
    QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=QPoint(60, 60), delay=1)
    for step in range(1, 5):
        QTest.mouseMove(native, QPoint(60 + 6 * step, 60), delay=10)
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=QPoint(84, 60), delay=1)
    assert planes.viewer.dims.point == point
    tagging.session.correcting.begin("")
    tagging.session.correcting.layer.mode = "paint"
    click(main_view(planes), planes.crosshair, (-25, 15))
    assert planes.viewer.dims.point == point


def test_the_sliders_of_a_plane_move_the_main_view(planes):
    model = planes.planes[0].model
    model.dims.set_point(1, 42.0)
    assert planes.viewer.dims.point[1] == 42.0
    assert planes.planes[1].model.dims.point[1] == 42.0


def test_a_plane_can_change_places_with_the_main_view(planes, qtbot):
    qtbot.mouseClick(planes.planes[1].button, Qt.MouseButton.LeftButton)
    assert tuple(planes.viewer.dims.order) == SAGITTAL
    assert [plane.axis for plane in planes.planes] == [1, 0]


def test_a_plane_keeps_its_axis_whichever_keys_are_pressed(planes):
    model = planes.planes[0].model
    model.dims.roll()
    model.dims.ndisplay = 3
    assert (tuple(model.dims.order), model.dims.ndisplay) == (CORONAL, 2)


@pytest.mark.parametrize("order", [CORONAL, SAGITTAL])
def test_tags_are_those_of_the_axial_slice_whichever_plane_is_large(planes, tagging, qtbot, order):
    tagging.session.go_to(9)
    planes.viewer.dims.order = order
    assert tagging.slices.buttons.isEnabled()
    assert not tagging.turn_button.isVisible()
    native = planes.planes[1].view.canvas.native
    native.setFocus()
    qtbot.waitUntil(native.hasFocus, timeout=PATIENCE)
    qtbot.keyClick(native, Qt.Key.Key_1)
    qtbot.keyClick(native, Qt.Key.Key_Period)
    study, scan = tagging.session.study, tagging.session.scan
    assert study.tags.read(scan).get(9, "TC") == Tag.PRESENT
    assert (study.tags.read(scan).values[:, 0] != -1).sum() == 1
    assert tagging.session.slice_index == 10
    qtbot.mouseClick(tagging.view_bar.planes, Qt.MouseButton.LeftButton)
    assert tagging.session.slice_index is None, "no axial slice is seen any more"
    assert not tagging.slices.buttons.isEnabled()


def test_a_picture_has_one_plane_only(tagging_dock, open_planes, tmp_path, qtbot):
    (tmp_path / "pictures").mkdir()
    pixels = np.arange(600, dtype=np.uint8).reshape(20, 30)
    Image.fromarray(pixels).save(tmp_path / "pictures" / "a.png")
    study = Study.create(tmp_path / "study", scans=tmp_path / "pictures", classes=["TC"])
    opened(qtbot, tagging_dock, study)
    qtbot.mouseClick(tagging_dock.view_bar.planes, Qt.MouseButton.LeftButton)
    (dock,) = tagging_dock.window().findChildren(PlanesDock)
    qtbot.waitUntil(lambda: dock.note.text() == ONE_PLANE, timeout=PATIENCE)
    assert not any(plane.isVisible() for plane in dock.planes)
    assert tagging_dock.view_bar.planes.isChecked()
    tagging_dock.session.close()
    qtbot.waitUntil(lambda: dock.note.text() == NOTHING, timeout=PATIENCE)


def test_closing_frees_the_planes_and_leaves_nothing_behind(tagging, open_planes, qtbot):
    viewer = tagging.viewer
    layer = viewer.layers[-1]

    def connections() -> list[int]:
        emitters = (
            viewer.dims.events.point,
            viewer.dims.events.order,
            viewer.layers.events.inserted,
            viewer.events.reset_view,
            layer.events.data,
            layer.events.reload,
            layer.events.visible,
        )
        return [
            *(len(emitter.callbacks) for emitter in emitters),
            len(viewer.mouse_drag_callbacks),
            len(viewer.mouse_move_callbacks),
        ]

    before = connections()
    dock = open_planes(tagging)
    assert connections() != before
    freed = [weakref.ref(plane.model) for plane in dock.planes]
    freed += [weakref.ref(copy) for copy in dock.copies.copies(layer)]
    freed.append(weakref.ref(dock.copies))
    freed += [weakref.ref(plane.view) for plane in dock.planes]
    qtbot.mouseClick(tagging.view_bar.planes, Qt.MouseButton.LeftButton)
    assert connections() == before
    assert tagging.session.planes_beside is None
    del dock
    gc.unfreeze()

    def gone() -> bool:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        return not any(ref() is not None for ref in freed)

    qtbot.waitUntil(gone, timeout=PATIENCE)
    tagging.session.go_to(3)
    viewer.layers[-1].visible = False


def test_the_plugins_menu_opens_the_same_planes(tagging, qtbot):
    # napari gives docks of its menu a stand-in for the viewer, which warns of private access.
    tagging.viewer.window.add_plugin_dock_widget("napari-mcwss", "Planes")
    (dock,) = tagging.window().findChildren(PlanesDock)
    qtbot.waitUntil(lambda: bool(dock.planes), timeout=PATIENCE)
    assert tagging.view_bar.planes.isChecked()
    tagging.session.go_to(4)
    assert {plane.model.dims.point for plane in dock.planes} == {tagging.viewer.dims.point}
    tagging.viewer.theme = "light"
    assert {plane.model.theme for plane in dock.planes} == {"light"}
    qtbot.mouseClick(tagging.view_bar.planes, Qt.MouseButton.LeftButton)
    assert not tagging.window().findChildren(PlanesDock)


def test_another_study_is_shown_in_the_planes(planes, tagging, qtbot, tagged_study):
    opened(qtbot, tagging, tagged_study)
    layers = study_layers(planes.viewer, "scan")
    models = [plane.model for plane in planes.planes]
    qtbot.waitUntil(
        lambda: all(
            [layer.data.shape for layer in model.layers] == [layer.data.shape for layer in layers]
            for model in models
        ),
        timeout=PATIENCE,
    )
    assert [letters(model) for model in models] == [LETTERS[CORONAL], LETTERS[SAGITTAL]]
    planes.viewer.dims.set_point(1, 12.0)
    assert all(model.dims.point[1] == 12.0 for model in models)
    tagging.scans.setCurrentRow(1)
    qtbot.waitUntil(lambda: tagging.session.scan == tagged_study.scan_names[1], timeout=PATIENCE)
    qtbot.waitUntil(
        lambda: np.shares_memory(models[0].layers[-1].data, planes.viewer.layers[-1].data),
        timeout=PATIENCE,
    )


def test_layers_of_another_patient_do_not_cover_the_scan_in_the_planes(planes, tagging, qtbot):
    viewer, (scan, *_) = planes.viewer, study_layers(planes.viewer, "scan")
    ours = len(viewer.layers)
    same = viewer.add_labels(np.zeros(scan.data.shape, np.uint8), name="own", scale=scan.scale)
    viewer.add_image(np.ones((40, 200, 200), np.float32), name="another patient")
    viewer.add_image(np.ones(scan.data.shape, np.float32), name="scan without its spacing")
    viewer.add_image(np.ones((3, *scan.data.shape), np.float32), name="over time")
    model = planes.planes[0].model
    qtbot.waitUntil(lambda: len(model.layers) == ours + 1, timeout=PATIENCE)
    assert model.layers[-1].name == same.name
    tagging.session.go_to(7)
    assert viewer.dims.ndim == 4
    assert model.dims.point == viewer.dims.point[1:]
    model.dims.set_point(1, 12.0)
    assert viewer.dims.point[2] == 12.0
    tagging.session.close()
    qtbot.waitUntil(lambda: len(model.layers) == len(viewer.layers), timeout=PATIENCE)
    assert "another patient" in [layer.name for layer in model.layers]


def test_all_docks_fit_beside_the_planes(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=False)
    tagging, *_ = add_docks(viewer)
    window = tagging.window()
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    window.resize(1280, 720)
    window.show()
    viewer.add_image(np.zeros((10, 20, 30), np.uint8))
    viewer.window.add_dock_widget(PlanesDock(viewer), name="Planes")
    (dock,) = window.findChildren(PlanesDock)
    qtbot.waitUntil(lambda: bool(dock.planes), timeout=PATIENCE)
    qtbot.waitUntil(lambda: all(p.isVisible() for p in dock.planes), timeout=PATIENCE)
    assert (window.width(), window.height()) == (1280, 720)
    main = main_view(dock).canvas.native
    assert min(main.width(), main.height()) >= 250
    left = [dock.mapTo(window, QPoint(0, 0)).x(), main.mapTo(window, QPoint(0, 0)).x()]
    assert left == sorted(left), "planes are beside the main view"
    for plane in dock.planes:
        assert min(plane.view.width(), plane.view.height()) >= 200
    WorkerBase.await_workers(PATIENCE)
