"""Clicks and drags on the canvas mend the corrected mask."""

import numpy as np
import pytest
from helpers.questions import LEFT
from qtpy.QtCore import QPoint

from napari_mcwss.plugin.results.correction.drawn_rectangle import KEY
from napari_mcwss.plugin.results.correction.stroke_tools import ADD, LIMIT, REMOVE
from napari_mcwss.plugin.results.correction.what_changed import change_text
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.segmentation.corrected import read_corrected, read_strokes
from napari_mcwss.segmentation.strokes.mending import Patch
from napari_mcwss.segmentation.strokes.stroke import ClassBox, Stroke

pytestmark = pytest.mark.gui
PATIENCE = 60_000
MODEL = "model-1"


@pytest.fixture
def dock(dock_on, trained_study) -> ResultsDock:
    """The dock on a scan in whose middle the mask of class TC is."""
    _, *plane = trained_study.scan(trained_study.scan_names[0]).geometry.shape
    return dock_on(slice(None), *(slice(size // 2 - 4, size // 2 + 5) for size in plane))


@pytest.fixture
def tools(dock):
    return dock.correction.tools


def press(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT, pos=QPoint(10, button.height() // 2))


def drag(qtbot, dock, *offsets: tuple[int, int]) -> None:
    """Draw on the canvas, with offsets from its middle, and wait until the mask is mended."""
    canvas = dock.viewer.window._qt_viewer.canvas.native
    places = [canvas.rect().center() + QPoint(*offset) for offset in offsets]
    with qtbot.waitSignal(dock.correction.tools.mending.mended, timeout=PATIENCE):
        qtbot.mousePress(canvas, LEFT, pos=places[0])
        for place in places[1:]:
            qtbot.mouseMove(canvas, place)
        qtbot.mouseRelease(canvas, LEFT, pos=places[-1])


def choose_class(dock, index: int) -> None:
    dock.correction.label.setCurrentIndex(index)
    dock.correction.label.activated.emit(index)


def strokes_on_disk(qtbot, dock, kinds: list[type]) -> None:
    study, scan = dock.session.study, dock.session.scan

    def stored() -> bool:
        return [type(mark) for mark in read_strokes(study, scan)] == kinds

    qtbot.waitUntil(stored, timeout=PATIENCE)
    qtbot.waitUntil(lambda: not dock.session.correcting.saving.waiting, timeout=PATIENCE)


def test_correcting_a_mask_puts_the_brush_in_hand(qtbot, dock):
    press(qtbot, dock.correction.begin_button)
    (layer,) = study_layers(dock.viewer, "corrected")
    assert (layer.mode, layer.selected_label) == ("paint", 1)
    assert dock.viewer.layers.selection.active is layer


def test_a_click_mends_the_mask_is_stored_and_can_be_undone(qtbot, dock, tools):
    press(qtbot, tools.buttons[REMOVE])
    (layer,) = study_layers(dock.viewer, "corrected")
    before = layer.data.copy()
    here = dock.session.slice_index
    assert before[here].any()
    drag(qtbot, dock, (0, 0))
    mended = layer.data.copy()
    row, column = (size // 2 for size in before.shape[1:])
    assert before[here, row, column] == 1
    assert mended[here, row, column] != 1
    strokes_on_disk(qtbot, dock, [Stroke])
    study, scan = dock.session.study, dock.session.scan
    np.testing.assert_array_equal(read_corrected(study, scan).labels, mended)
    press(qtbot, tools.undo_button)
    np.testing.assert_array_equal(layer.data, before)
    strokes_on_disk(qtbot, dock, [])


def test_strokes_that_follow_each_other_all_count(qtbot, dock, tools):
    choose_class(dock, 2)
    press(qtbot, tools.buttons[ADD])
    (layer,) = study_layers(dock.viewer, "corrected")
    drag(qtbot, dock, (-60, -60), (-40, -60), (-20, -60))
    drag(qtbot, dock, (0, 0))
    here = dock.session.slice_index
    row, column = (size // 2 for size in layer.data.shape[1:])
    assert layer.data[here, row, column] == 2
    strokes_on_disk(qtbot, dock, [Stroke, Stroke])
    first = read_strokes(dock.session.study, dock.session.scan)[0]
    assert len(first.path) > 1
    assert (layer.data[tuple(np.transpose(first.path))] == 2).all()


def test_a_stroke_says_what_it_has_changed(qtbot, dock, tools):
    said = dock.correction.done
    press(qtbot, tools.buttons[REMOVE])
    (layer,) = study_layers(dock.viewer, "corrected")
    before = layer.data.copy()
    drag(qtbot, dock, (0, 0))
    gone = np.count_nonzero(before != layer.data)
    voxel = np.prod(dock.session.study.scan(dock.session.scan).geometry.spacing) / 1000
    assert said.text() == f"Removed {gone} voxels ({gone * voxel:.1f} mL) from TC."
    assert said.isVisible()
    strokes_on_disk(qtbot, dock, [Stroke])
    assert said.isVisible()
    press(qtbot, tools.undo_button)
    strokes_on_disk(qtbot, dock, [])
    assert not said.isVisible(), "it was undone"
    press(qtbot, tools.buttons[ADD])
    drag(qtbot, dock, (0, 0))
    hint = "click nearer to the middle of what is missing."
    assert said.text() == f"Nothing added to TC: {hint}", "it is TC already"
    press(qtbot, tools.buttons[LIMIT])
    drag(qtbot, dock, (0, 0))
    assert said.text() == "Lifted the limit of TC."


def test_a_stroke_that_changes_hardly_anything_says_where_to_click():
    geometry = Geometry.canonical((4, 8, 8), (3.0, 1.0, 1.0))
    voxels = tuple(np.zeros(3, np.intp) for _ in range(3))
    patch = Patch(voxels, np.ones(3, np.uint8))
    stroke = Stroke(path=((0, 0, 0),), class_name="TC", add=True)
    assert change_text(stroke, patch, geometry) == (
        "Added 3 voxels (0.0 mL) to TC: click nearer to the middle of what is missing."
    )


def test_a_rectangle_limits_a_class_until_it_is_undone(qtbot, dock, tools):
    press(qtbot, tools.buttons[LIMIT])
    (layer,) = study_layers(dock.viewer, "corrected")
    before = layer.data.copy()
    drag(qtbot, dock, (0, -150), (75, 0), (150, 150))
    kept = layer.data == 1
    middle = before.shape[2] // 2
    assert kept.any()
    assert not kept[:, :, : middle - 1].any()
    strokes_on_disk(qtbot, dock, [ClassBox])
    press(qtbot, tools.undo_button)
    np.testing.assert_array_equal(layer.data, before)
    strokes_on_disk(qtbot, dock, [])


def test_the_rectangle_is_seen_while_it_is_dragged(qtbot, dock, tools):
    if not hasattr(dock.viewer, "canvas"):
        pytest.skip("before napari 0.9 viewers take no overlays")
    press(qtbot, tools.buttons[LIMIT])
    canvas = dock.viewer.window._qt_viewer.canvas.native
    middle = canvas.rect().center()
    end = middle + QPoint(40, 60)
    before = dock.viewer.screenshot(flash=False)
    qtbot.mousePress(canvas, LEFT, pos=middle)
    qtbot.mouseMove(canvas, end)
    assert dock.viewer.canvas.overlays[KEY].visible
    changed = (dock.viewer.screenshot(flash=False) != before).any(-1)
    rows, columns = np.nonzero(changed)
    assert abs(np.ptp(rows) - 60) < 8
    assert abs(np.ptp(columns) - 40) < 8
    assert not changed[middle.y() + 20 : end.y() - 20, middle.x() + 15 : end.x() - 15].any()
    with qtbot.waitSignal(tools.mending.mended, timeout=PATIENCE):
        qtbot.mouseRelease(canvas, LEFT, pos=end)
    assert not dock.viewer.canvas.overlays[KEY].visible
    press(qtbot, tools.buttons[ADD])
    drag(qtbot, dock, (0, 0), (40, 60))
    assert not dock.viewer.canvas.overlays[KEY].visible, "it belongs to another tool"


def test_another_tool_of_the_layer_takes_the_place_of_this_one(qtbot, dock, tools):
    press(qtbot, tools.buttons[ADD])
    (layer,) = study_layers(dock.viewer, "corrected")
    assert (tools.tool, layer.mode, layer.mouse_pan) == (ADD, "pan_zoom", False)
    layer.mode = "paint"
    assert tools.tool == ""
    assert not tools.buttons[ADD].isChecked()
    press(qtbot, tools.buttons[REMOVE])
    press(qtbot, tools.buttons[REMOVE])
    assert (tools.tool, layer.mouse_pan) == ("", True)
