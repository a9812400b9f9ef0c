"""The threshold of all classes, and of one: with the mouse, on real layers."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QSlider

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.segmentation.results import load_mask, stored_settings

pytestmark = pytest.mark.gui
PATIENCE = 60_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dock(segmented_dock: ResultsDock) -> ResultsDock:
    return segmented_dock


def choose(qtbot, dock, index: int) -> None:
    """Choose a class, or all of them, with the keyboard."""
    box = dock.thresholds.classes
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Home)
    for _ in range(index):
        qtbot.keyClick(box, Qt.Key.Key_Down)
    assert box.currentIndex() == index


def slide(qtbot, dock, share: float) -> float:
    """Click on the slider, and wait for the mask."""
    slider = dock.threshold.findChild(QSlider)
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        place = QPoint(round(share * slider.width()), slider.height() // 2)
        qtbot.mouseClick(slider, LEFT, pos=place)
    return dock.threshold.value()


def found(dock) -> list[int]:
    """Count the voxels of each class."""
    (layer,) = study_layers(dock.viewer, "mask")
    return [np.count_nonzero(layer.data == label) for label in (1, 2)]


def test_the_slider_holds_for_the_class_that_is_chosen(qtbot, dock):
    dock.thresholds.set_all(0.5)
    qtbot.waitUntil(lambda: sum(found(dock)) > 0, timeout=PATIENCE)
    before = found(dock)
    choose(qtbot, dock, 2)
    low = slide(qtbot, dock, 0.4)
    assert low < 0.5
    assert found(dock)[0] == before[0]
    assert found(dock)[1] > before[1]
    assert dock.thresholds.classes.currentText() == f"ED: {low:.2f}"
    choose(qtbot, dock, 0)
    assert dock.threshold.value() == 0.5
    choose(qtbot, dock, 2)
    assert dock.threshold.value() == low
    choose(qtbot, dock, 0)
    high = slide(qtbot, dock, 0.95)
    assert found(dock) == [0, 0], "it holds for all of them"
    choose(qtbot, dock, 2)
    assert (dock.thresholds.classes.currentText(), dock.threshold.value()) == ("ED", high)


def test_the_threshold_of_a_class_is_stored_and_comes_back(qtbot, dock):
    choose(qtbot, dock, 1)
    own = slide(qtbot, dock, 0.4)
    study, scan = dock.session.study, dock.session.scan
    with qtbot.waitSignal(dock.stored_mask.background.ended, timeout=PATIENCE):
        qtbot.mouseClick(dock.stored_mask.save_button, LEFT)
    assert stored_settings(study, "model-1", scan)["thresholds"] == {"TC": own}
    (layer,) = study_layers(dock.viewer, "mask")
    np.testing.assert_array_equal(load_mask(study, "model-1", scan), layer.data)
    choose(qtbot, dock, 0)
    slide(qtbot, dock, 0.9)
    assert f"threshold 0.5 (TC {own:g})" in dock.stored_mask.status.text()
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        qtbot.mouseClick(dock.stored_mask.back_button, LEFT)
    assert dock.state.settings.thresholds == {"TC": own}
    assert dock.thresholds.classes.itemText(1) == f"TC: {own:.2f}"
