"""Exports write stored masks: the dialog says if another is on screen, and one click stores it."""

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from helpers.questions import LEFT
from helpers.watchdog import Watchdog
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QSlider

from napari_mcwss.plugin.handon.export_dialog import ExportDialog
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.segmentation.results import load_mask

pytestmark = pytest.mark.gui
PATIENCE = 60_000


@pytest.fixture
def dock(segmented_dock: ResultsDock) -> ResultsDock:
    return segmented_dock


def slide(qtbot, dock, share: float) -> float:
    """Click on the slider of the threshold, and wait for the whole mask."""
    slider = dock.threshold.findChild(QSlider)
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        place = QPoint(round(share * slider.width()), slider.height() // 2)
        qtbot.mouseClick(slider, LEFT, pos=place)
    qtbot.waitUntil(lambda: dock.stored_mask.savable, timeout=PATIENCE)
    return dock.threshold.value()


def open_dialog(qtbot, dock) -> ExportDialog:
    qtbot.mouseClick(dock.export_button, LEFT)
    dialog = dock.findChild(ExportDialog)
    with qtbot.waitExposed(dialog, timeout=PATIENCE):
        dialog.activateWindow()
    return dialog


def choose(qtbot, dialog: ExportDialog, kind: str) -> None:
    """Choose a kind of export with the keyboard."""
    with qtbot.waitSignal(dialog.previewed, timeout=PATIENCE):
        dialog.kind.setFocus()
        qtbot.keyClick(dialog.kind, Qt.Key.Key_Home)
        for _ in range(dialog.kind.findData(kind)):
            qtbot.keyClick(dialog.kind, Qt.Key.Key_Down)


def export(qtbot, dialog: ExportDialog) -> Path:
    """Export, and return what was written."""
    out = Path(dialog.out.text())
    with qtbot.waitSignal(dialog.ended, timeout=PATIENCE):
        qtbot.mouseClick(dialog.export_button, LEFT)
    assert dialog.status.text() == "Done."
    return out


def exported_voxels(folder: Path, scan: str) -> int:
    subject = re.sub("[^A-Za-z0-9]", "", scan)
    (file,) = folder.glob(f"sub-{subject}/anat/*_dseg.nii.gz")
    return np.count_nonzero(np.asarray(nib.load(file).dataobj))


def test_the_mask_on_screen_is_exported_after_one_click(qtbot, dock, segmented_study):
    scan = segmented_study.scan_names[0]
    assert not load_mask(segmented_study, "model-1", scan).any()
    threshold = slide(qtbot, dock, 0.45)
    shown = np.count_nonzero(dock.state.shown_mask)
    dialog = open_dialog(qtbot, dock)
    choose(qtbot, dialog, "bids")
    text = dialog.shown_mask.note.text()
    assert dialog.shown_mask.isVisible()
    assert f"That of {scan} is not the mask on screen" in text
    stored, on_screen = text.splitlines()[1:]
    assert "TC 0.0 mL" in stored
    assert f"threshold {threshold:g}" in on_screen
    assert f"threshold {threshold:g}" not in stored
    assert f"TC {dock.state.mask.volumes[-1][0]:.1f} mL" in on_screen
    assert exported_voxels(export(qtbot, dialog), scan) == 0

    QApplication.processEvents()
    with Watchdog() as dog, qtbot.waitSignal(dock.stored_mask.background.ended, timeout=PATIENCE):
        qtbot.mouseClick(dialog.shown_mask.save_button, LEFT)
        assert dialog.shown_mask.progress.isVisible()
        assert not dialog.export_button.isEnabled()
    assert not dog.long
    assert "is the stored one now" in dialog.shown_mask.note.text()
    assert not dialog.shown_mask.save_button.isVisible()
    qtbot.waitUntil(dialog.export_button.isEnabled, timeout=PATIENCE)
    second = export(qtbot, dialog)
    assert second.name == "derivatives-2"
    assert exported_voxels(second, scan) == shown > 0


def test_the_dialog_follows_the_slider_while_it_is_open(qtbot, dock):
    threshold = slide(qtbot, dock, 0.45)
    qtbot.mouseClick(dock.stored_mask.save_button, LEFT)
    qtbot.waitUntil(lambda: dock.stored_mask.difference is None, timeout=PATIENCE)
    dialog = open_dialog(qtbot, dock)
    qtbot.waitSignal(dialog.previewed, timeout=PATIENCE).wait()
    assert not dialog.shown_mask.isVisible()
    other = slide(qtbot, dock, 0.2)
    assert f"Stored: threshold {threshold:g}, " in dialog.shown_mask.note.text()
    assert f"On screen: threshold {other:g}, " in dialog.shown_mask.note.text()
    qtbot.mouseClick(dock.stored_mask.back_button, LEFT)
    qtbot.waitUntil(lambda: not dialog.shown_mask.isVisible(), timeout=PATIENCE)


def test_nothing_is_said_of_a_mask_that_is_not_exported(qtbot, dock, segmented_study):
    """Another scan's is, or the corrected mask."""
    slide(qtbot, dock, 0.45)
    dialog = open_dialog(qtbot, dock)
    dialog.scans.setFocus()
    qtbot.keyClick(dialog.scans, Qt.Key.Key_Down)
    assert dialog.scans.currentData() == segmented_study.scan_names[0]
    assert dialog.shown_mask.isVisible()
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        dock.session.show(segmented_study.scan_names[1])
    qtbot.waitUntil(lambda: not dialog.shown_mask.isVisible(), timeout=PATIENCE)
    qtbot.keyClick(dialog.scans, Qt.Key.Key_Up)
    assert "⚠" in dialog.shown_mask.note.text()
    dock.session.correcting.begin("model-1")
    assert not dialog.shown_mask.isVisible()


def test_success_is_all_that_is_shown_until_something_changes(qtbot, dock):
    dialog = open_dialog(qtbot, dock)
    choose(qtbot, dialog, "report")
    out = export(qtbot, dialog)
    qtbot.wait(1000)  # more than the time after which a preview is made
    assert not dialog.preview.isVisible()
    assert dialog.status.text() == "Done."
    assert dialog.open_button.isVisible()
    assert not dialog.export_button.isEnabled()
    with qtbot.waitSignal(dialog.previewed, timeout=PATIENCE):
        dialog.scans.setFocus()
        qtbot.keyClick(dialog.scans, Qt.Key.Key_Down)
    assert not dialog.status.isVisible()
    assert not dialog.open_button.isVisible()
    assert Path(dialog.out.text()) == out.with_name("report-2.html")
    assert "report-2.html" in dialog.preview.text()
    assert dialog.export_button.isEnabled()
