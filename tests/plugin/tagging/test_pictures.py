"""A study of single pictures is tagged one after the other."""

import numpy as np
import pytest
from napari.qt.threading import WorkerBase
from PIL import Image
from qtpy.QtCore import Qt

from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 30_000


@pytest.fixture
def dock(tagging_dock, tmp_path, qtbot) -> TaggingDock:
    """The dock on three pictures, tagging switched on."""
    (tmp_path / "pictures").mkdir()
    pixels = np.arange(600, dtype=np.uint8).reshape(20, 30)
    for name in "abc":
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{name}.png")
    Study.create(tmp_path / "study", scans=tmp_path / "pictures", classes=["TC"])
    with qtbot.waitSignal(tagging_dock.settled, timeout=PATIENCE):
        tagging_dock.open_study(tmp_path / "study")
    qtbot.waitUntil(lambda: len(tagging_dock.scans.tables) == 3, timeout=PATIENCE)
    qtbot.mouseClick(tagging_dock.slices.switch, Qt.MouseButton.LeftButton)
    return tagging_dock


def press(qtbot, dock, key) -> None:
    canvas = dock.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=PATIENCE)
    qtbot.keyClick(canvas, key)


def test_pictures_are_counted_and_have_no_slices(qtbot, dock):
    slices = dock.slices
    assert slices.slice_label.text() == "Picture 1 of 3"
    assert slices.progress_label.text() == "not tagged"
    assert not slices.strip.isVisible()
    assert slices.strip.accessibleDescription() == "TC unknown"
    assert dock.scans.item(0).text() == "a   (not tagged)"
    press(qtbot, dock, Qt.Key.Key_1)
    assert dock.scans.item(0).text() == "a   (tagged)"
    WorkerBase.await_workers(PATIENCE)


def test_enter_goes_on_to_the_next_picture(qtbot, dock):
    for number, name in ((2, "b"), (3, "c")):
        press(qtbot, dock, Qt.Key.Key_1)
        with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
            press(qtbot, dock, Qt.Key.Key_Return)
        assert dock.session.scan == name
        assert dock.slices.slice_label.text() == f"Picture {number} of 3"
    press(qtbot, dock, Qt.Key.Key_1)
    press(qtbot, dock, Qt.Key.Key_Return)
    assert dock.status.text() == "All other scans are tagged."
    WorkerBase.await_workers(PATIENCE)
