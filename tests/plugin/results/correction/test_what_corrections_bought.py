"""The Results dock tells how near models come to corrected masks."""

import pytest
from helpers.questions import LEFT
from napari.qt.threading import WorkerBase
from qtpy.QtCore import QPoint

pytestmark = pytest.mark.gui
PATIENCE = 60_000
MODEL = "model-1"


def test_a_mask_that_is_confirmed_tells_how_near_the_model_was(qtbot, dock_on):
    dock = dock_on(slice(2, 6), slice(10, 20), slice(10, 20))
    box = dock.correction
    box.begin()
    box._correcting.layer.data[4:6] = 0
    assert box.bought.text() == ""
    qtbot.mouseClick(box.right, LEFT, pos=QPoint(10, box.right.height() // 2))
    qtbot.waitUntil(lambda: MODEL in box.bought.text(), timeout=PATIENCE)
    assert f"{MODEL} 0.67 (1 scan)" in box.bought.text()
    WorkerBase.await_workers(PATIENCE)
