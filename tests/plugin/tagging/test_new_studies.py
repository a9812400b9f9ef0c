"""Studies that are made, and scans that are added, from the tagging dock."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication

from napari_mcwss.plugin.study.new_study import ScansDialog
from napari_mcwss.plugin.study.open_layers import OpenLayersDialog
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 30_000


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def dialog_of(dock, qtbot, kind):
    qtbot.waitUntil(lambda: dock.findChild(kind) is not None, timeout=PATIENCE)
    return dock.findChild(kind)


def test_the_sample_becomes_a_study_by_two_clicks(qtbot, dock, tmp_path, told):
    assert dock.welcome.isVisible()
    click(qtbot, dock.welcome.sample_button)
    dialog = dialog_of(dock, qtbot, OpenLayersDialog)
    assert "Use the open layers" in told[-1].message
    dialog.study_folder.setText(str(tmp_path / "made"))
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, dialog.ok_button)
    assert not dock.welcome.isVisible()
    assert dock.session.scan == "phantom"
    assert dock.session.study.class_names == ("TC", "ED")
    names = sorted(layer.name for layer in dock.viewer.layers)
    assert names == ["flair", "t1c", "truth"], "each once; the truth to compare masks with"


def test_numbers_that_napari_gives_to_names_become_no_channels(qtbot, dock, study):
    dock.viewer.open_sample("napari-mcwss", "phantom")
    assert "t1c [1]" in [layer.name for layer in dock.viewer.layers]
    dock.study_menu.layers_action.trigger()
    dialog = dialog_of(dock, qtbot, OpenLayersDialog)
    assert dialog.channels.text() == "t1c, flair"
    dialog.reject()


def test_open_layers_never_overwrite_another_scan(qtbot, dock, tmp_path):
    kept = tmp_path / "made" / "scans" / "scan1" / "ct.nii.gz"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"another patient")
    dock.viewer.add_image(np.zeros((4, 30, 20), np.float32), name="ct")
    click(qtbot, dock.welcome.layers_button)
    dialog = dialog_of(dock, qtbot, OpenLayersDialog)
    dialog.classes.setText("lesion")
    dialog.study_folder.setText(str(tmp_path / "made"))
    click(qtbot, dialog.ok_button)
    assert "holds a study or scans already" in dialog.reason.text()
    assert kept.read_bytes() == b"another patient"
    dialog.reject()


def test_a_series_over_time_becomes_no_study(qtbot, dock, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    series = nib.Nifti1Image(np.zeros((8, 7, 5, 3), np.float32), np.eye(4))
    series.header.set_xyzt_units("mm", "sec")
    series.header["pixdim"][4] = 2
    series.to_filename(scans / "bold.nii.gz")
    click(qtbot, dock.welcome.new_button)
    dialog = dialog_of(dock, qtbot, ScansDialog)
    dialog.set_sources([scans])
    dialog.classes.setText("TC")
    dialog.channels.setText("a, b, c")
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    click(qtbot, dialog.ok_button)
    qtbot.waitUntil(lambda: "3 points in time" in dialog.reason.text(), timeout=PATIENCE)
    assert dock.session.study is None
    assert not Path(dialog.study_folder.text()).exists()
    dialog.reject()


def test_open_layers_over_time_become_no_study(qtbot, dock, told):
    dock.viewer.add_image(np.zeros((3, 4, 30, 20)))
    click(qtbot, dock.welcome.layers_button)
    assert "found 3x4x30x20" in told[-1].message
    assert "slices over time cannot be tagged" in told[-1].message


def test_a_dropped_folder_becomes_a_study(qtbot, dock, phantom_folder, tmp_path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(phantom_folder))])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    copy = Qt.DropAction.CopyAction
    QApplication.sendEvent(dock, QDragEnterEvent(QPoint(9, 9), copy, data, left, none))
    QApplication.sendEvent(dock, QDropEvent(QPointF(9, 9), copy, data, left, none))
    dialog = dialog_of(dock, qtbot, ScansDialog)
    qtbot.waitUntil(lambda: dialog.channels.text() == "flair, t1c", timeout=PATIENCE)
    cells = [dialog.table.item(0, column).text() for column in range(3)]
    assert cells == ["phantom01", "flair.nii.gz", "t1c.nii.gz"]
    assert not dialog.ok_button.isEnabled()
    assert "class" in dialog.reason.text()
    dialog.classes.clear()
    qtbot.keyClicks(dialog.classes, "TC, ED")
    dialog.study_folder.setText(str(tmp_path / "made"))
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, dialog.ok_button)
    made = Study.open(tmp_path / "made")
    assert made.channels == ("flair", "t1c")
    assert made.class_names == ("TC", "ED")
    assert dock.session.scan == "phantom01"


def test_a_wrong_channel_name_is_explained_before_anything_is_made(
    qtbot, dock, phantom_folder, tmp_path
):
    click(qtbot, dock.welcome.new_button)
    dialog = dialog_of(dock, qtbot, ScansDialog)
    dialog.set_sources([phantom_folder])
    dialog.channels.setText("t2")
    qtbot.waitUntil(lambda: "t2" in dialog.reason.text(), timeout=PATIENCE)
    assert not dialog.ok_button.isEnabled()
    dialog.reject()


def test_scans_are_added_to_the_open_study(qtbot, dock, study, tmp_path):
    from napari_mcwss.scans.phantom import write_phantom

    write_phantom(tmp_path / "more", scans=1, size=(5, 20, 20))
    (tmp_path / "more" / "phantom01").rename(tmp_path / "more" / "late")
    dock.study_menu.add_action.trigger()
    dialog = dialog_of(dock, qtbot, ScansDialog)
    dialog.set_sources([tmp_path / "more"])
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    click(qtbot, dialog.ok_button)
    qtbot.waitUntil(lambda: dock.scans.count() == 3, timeout=PATIENCE)
    assert study.scan_names == ("phantom01", "phantom02", "late")


def test_open_layers_become_a_study(qtbot, dock, tmp_path):
    volume = np.random.default_rng(0).random((4, 30, 20)).astype(np.float32)
    dock.viewer.add_image(volume, name="ct", scale=(3, 1, 1))
    click(qtbot, dock.welcome.layers_button)
    dialog = dialog_of(dock, qtbot, OpenLayersDialog)
    dialog.classes.setText("lesion")
    dialog.study_folder.setText(str(tmp_path / "made"))
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, dialog.ok_button)
    scan = Study.open(tmp_path / "made").scan("scan1")
    np.testing.assert_array_equal(scan.volume()[0], volume)
    assert scan.geometry.spacing == (3, 1, 1)
    assert (tmp_path / "made" / "scans" / "scan1" / "ct.nii.gz").exists()
    assert [layer.name for layer in dock.viewer.layers] == ["ct"], "used, not shown twice"


def test_open_layers_of_different_shapes_are_told_in_a_notification(qtbot, dock, told):
    dock.viewer.add_image(np.zeros((4, 30, 20)))
    dock.viewer.add_image(np.zeros((4, 30, 21)))
    click(qtbot, dock.welcome.layers_button)
    assert "4x30x20, 4x30x21" in told[-1].message
