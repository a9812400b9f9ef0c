"""Choosing the threshold on a few reference masks, in a dialog."""

from collections.abc import Iterator

import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_mcwss.plugin.results.reference_dialog import ReferenceDialog
from napari_mcwss.segmentation.masks.settings import MaskSettings

pytestmark = pytest.mark.gui
PATIENCE = 120_000


@pytest.fixture
def dialog(qtbot, segmented_study) -> Iterator[ReferenceDialog]:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = ReferenceDialog(parent, segmented_study, "model-1", MaskSettings())
    with qtbot.waitExposed(dialog, timeout=PATIENCE):
        dialog.show()
    yield dialog
    dialog.background.cancel()
    WorkerBase.await_workers(PATIENCE)


def choose(qtbot, dialog) -> None:
    qtbot.mouseClick(dialog.ok_button, Qt.MouseButton.LeftButton)


def test_the_best_threshold_is_found_beside_the_screen(qtbot, dialog):
    qtbot.keyClicks(dialog.masks, "seg")
    with qtbot.waitSignal(dialog.accepted, timeout=PATIENCE):
        choose(qtbot, dialog)
        assert not dialog.ok_button.isEnabled()
    assert dialog.threshold == 0.4


def test_it_stays_open_and_says_what_is_wrong(qtbot, dialog):
    choose(qtbot, dialog)
    assert dialog.reason.text() == "name the masks, or choose a folder of masks"
    qtbot.keyClicks(dialog.masks, "nowhere")
    qtbot.keyClicks(dialog.values["ED"], "x")
    choose(qtbot, dialog)
    assert "ED: found '2x': expected whole numbers" in dialog.reason.text()
    dialog.values["ED"].setText("2")
    with qtbot.waitSignal(dialog.background.ended, timeout=PATIENCE):
        choose(qtbot, dialog)
    assert "nowhere has a mask of" in dialog.reason.text()
    assert dialog.isVisible()
    assert dialog.ok_button.isEnabled()
    assert dialog.threshold is None
