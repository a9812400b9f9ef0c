"""napari shows about forty letters of a notification: they say what to do."""

import numpy as np
import pytest
from napari._qt.dialogs.qt_notification import NapariQtNotification
from qtpy.QtCore import Qt

from napari_mcwss.plugin.tagging.dock import TaggingDock

pytestmark = pytest.mark.gui


@pytest.fixture
def seen(qtbot, told):
    """Return what napari shows of the last notification, in its narrow label."""

    def first_line() -> str:
        toast = NapariQtNotification(told[-1].message, "info")
        qtbot.addWidget(toast)
        toast.show()
        label = toast.message
        text = told[-1].message
        return label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, label.width())

    return first_line


def click_layers(qtbot, dock: TaggingDock) -> None:
    qtbot.mouseClick(dock.welcome.layers_button, Qt.MouseButton.LeftButton)


def test_the_sample_says_where_to_go_on(tagging_dock, seen):
    tagging_dock.viewer.open_sample("napari-mcwss", "phantom")
    assert "“Use the open layers …”" in seen()


def test_layers_that_make_no_scan_say_what_to_do(qtbot, tagging_dock, seen):
    click_layers(qtbot, tagging_dock)
    assert seen().startswith("open the channels of one scan")
    tagging_dock.viewer.add_image(np.zeros((4, 30, 20)))
    tagging_dock.viewer.add_image(np.zeros((5, 30, 20)))
    click_layers(qtbot, tagging_dock)
    assert seen().startswith("close the layers of other scans")


def test_keys_that_are_off_say_why_they_do_nothing(qtbot, tagging_dock, phantom_study, seen):
    with qtbot.waitSignal(tagging_dock.settled, timeout=60_000):
        tagging_dock.open_study(phantom_study.folder)
    canvas = tagging_dock.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=60_000)
    qtbot.keyClick(canvas, Qt.Key.Key_1)
    assert seen().startswith("“Tagging” is off: keys do not tag.")
