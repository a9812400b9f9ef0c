"""Beside layers of other kinds, with sliders of their own, no wrong slice is tagged."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000


@pytest.fixture
def dock(tagging_dock, phantom_study, qtbot) -> TaggingDock:
    """The dock on a study, in a window that has the keyboard, tagging switched on."""
    with qtbot.waitSignal(tagging_dock.settled, timeout=PATIENCE):
        tagging_dock.open_study(phantom_study.folder)
    click(qtbot, tagging_dock.slices.switch)
    return tagging_dock


@pytest.fixture
def study(dock) -> Study:
    return dock.session.study


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def press(qtbot, dock, key) -> None:
    """Press a key with the canvas focused, as a radiologist does."""
    canvas = dock.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=PATIENCE)
    qtbot.keyClick(canvas, key)


@pytest.mark.parametrize("slider", ["time", "z"])
def test_beside_a_layer_over_time_the_slice_on_screen_is_tagged(qtbot, dock, study, slider):
    spacing = study.scan("phantom01").geometry.spacing
    # Twice as fine, so that the slider has steps between the scan's slices.
    scale = (2.5, spacing[0] / 2, *spacing[1:])
    series = dock.viewer.add_image(np.zeros((6, 50, 81, 72), np.uint8), scale=scale, opacity=0.1)
    dims, tagged = dock.viewer.dims, []
    # What napari draws of the scan tells which slice is seen.
    scan = study_layers(dock.viewer, "scan")[-1]
    volume = study.scan("phantom01").volume()[list(study.channels).index(scan.name)]
    for step in (11, 20, 33) if slider == "z" else (2, 4):
        dims.set_current_step(["time", "z"].index(slider), step)
        seen = scan._slice.image.view
        press(qtbot, dock, Qt.Key.Key_1)
        index = dock.session.slice_index
        np.testing.assert_array_equal(seen, volume[index])
        tagged.append(index)
    values = study.tags.read("phantom01").values[:, 0]
    assert sorted(set(tagged)) == np.flatnonzero(values != -1).tolist()
    assert len(set(tagged)) == (1 if slider == "time" else 3)
    dims.order = (1, 0, 2, 3)
    assert dock.session.slice_index == tagged[-1], "sliders that change places show no other slice"
    dims.order = (1, 2, 0, 3)
    assert not dock.slices.buttons.isEnabled(), "rows over time are no slice"
    press(qtbot, dock, Qt.Key.Key_2)
    click(qtbot, dock.turn_button)
    assert dock.slices.buttons.isEnabled()
    dock.viewer.layers.remove(series)
    assert (study.tags.read("phantom01").values[:, 1] == -1).all()
    press(qtbot, dock, Qt.Key.Key_2)
    assert study.tags.read("phantom01").values[dock.session.slice_index, 1] == Tag.PRESENT
    np.testing.assert_array_equal(scan._slice.image.view, volume[dock.session.slice_index])


@pytest.mark.parametrize("ending", ["removed", "in mm"])
def test_no_slice_is_tagged_beside_a_layer_in_other_units(qtbot, dock, study, ending):
    dims = dock.viewer.dims
    layer = dock.viewer.add_image(np.zeros((3, 25, 81, 72), np.uint8), units=("s", *3 * ["um"]))
    # All sliders count micrometres now: that of the 12th slice in mm is in the first.
    assert dock.session.slice_index is None
    assert "not in millimetres" in dock.status.text()
    assert not dock.slices.buttons.isEnabled()
    dims.set_point(1, 30.0)
    dims.set_point(1, 36.0)
    press(qtbot, dock, Qt.Key.Key_1)
    assert (study.tags.read("phantom01").values == -1).all()
    if ending == "removed":
        dock.viewer.layers.remove(layer)
    else:
        layer.units = ("s", *3 * ["mm"])
    qtbot.waitUntil(dock.slices.buttons.isEnabled, timeout=PATIENCE)
    dock.session.go_to(10)
    press(qtbot, dock, Qt.Key.Key_1)
    assert study.tags.read("phantom01").get(10, "TC") == Tag.PRESENT


def test_a_slice_that_was_drawn_in_other_units_is_not_tagged_as_another(qtbot, dock, study):
    layer = dock.viewer.add_image(np.zeros((25, 81, 72), np.uint8), units=3 * ["um"])
    scan = study_layers(dock.viewer, "scan")[-1]
    volume = study.scan("phantom01").volume()[list(study.channels).index(scan.name)]
    dock.viewer.dims.set_point(0, 30.0)
    np.testing.assert_array_equal(scan._slice.image.view, volume[0])
    layer.units = 3 * ["mm"]
    assert dock.session.slice_index is None, "the first slice is still on screen"
    qtbot.waitUntil(dock.slices.buttons.isEnabled, timeout=PATIENCE)
    press(qtbot, dock, Qt.Key.Key_1)
    assert study.tags.read("phantom01").get(10, "TC") == Tag.PRESENT
    np.testing.assert_array_equal(scan._slice.image.view, volume[10])
