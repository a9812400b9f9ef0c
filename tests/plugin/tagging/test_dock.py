"""The tagging dock, with real clicks and keys."""

import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.colormaps import contrast
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def press(qtbot, dock, key) -> None:
    """Press a key with the canvas focused, as a radiologist does."""
    canvas = dock.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=PATIENCE)
    qtbot.keyClick(canvas, key)


def tag_of(dock, class_name: str) -> Tag:
    study = dock.session.study
    return study.tags.read(dock.session.scan).get(12, class_name)  # the slice that is shown first


def test_opening_a_study_shows_its_scans_and_reads_the_first(dock, study):
    assert dock.scans.count() == 2
    assert dock.scans.currentItem().text() == "phantom01   (0 of 25 slices tagged)"
    assert [layer.name for layer in dock.viewer.layers] == ["t1c", "flair"]
    assert [button.spec.name for button in dock.slices.buttons.buttons] == ["TC", "ED"]
    assert dock.slices.progress_label.text() == "0 of 25 slices tagged"


def test_a_click_goes_through_present_absent_and_unknown(qtbot, dock, study):
    button = dock.slices.buttons.buttons[0]
    for tag, word in ((Tag.PRESENT, "present"), (Tag.ABSENT, "absent"), (Tag.UNKNOWN, "unknown")):
        click(qtbot, button)
        assert tag_of(dock, "TC") == tag
        assert word in button.text()
        assert Study.open(study.folder).tags.read("phantom01").get(12, "TC") == tag
    assert tag_of(dock, "ED") == Tag.UNKNOWN


@pytest.mark.parametrize("active", ["image", "labels", "points", "none"])
def test_number_keys_tag_only_while_the_switch_is_on(qtbot, dock, study, active):
    viewer = dock.viewer
    if active == "labels":
        viewer.add_labels(np.zeros((25, 81, 72), np.uint8))
    elif active == "points":
        viewer.add_points(ndim=3)
    elif active == "none":
        viewer.layers.selection.clear()
    press(qtbot, dock, Qt.Key.Key_2)
    assert tag_of(dock, "ED") == Tag.UNKNOWN
    click(qtbot, dock.slices.switch)
    press(qtbot, dock, Qt.Key.Key_2)
    qtbot.waitUntil(lambda: tag_of(dock, "ED") == Tag.PRESENT, timeout=PATIENCE)
    press(qtbot, dock, Qt.Key.Key_2)
    qtbot.waitUntil(lambda: tag_of(dock, "ED") == Tag.ABSENT, timeout=PATIENCE)
    assert tag_of(dock, "TC") == Tag.UNKNOWN
    click(qtbot, dock.slices.switch)
    press(qtbot, dock, Qt.Key.Key_1)
    assert tag_of(dock, "TC") == Tag.UNKNOWN


def test_number_keys_do_not_tag_from_behind_another_tab(qtbot, dock, study):
    other = dock.viewer.window.add_dock_widget(QWidget(), name="Other", tabify=True)
    click(qtbot, dock.slices.switch)
    for front, tag in ((other, Tag.UNKNOWN), (dock.parentWidget(), Tag.PRESENT)):
        front.show()
        front.raise_()
        qtbot.waitUntil(lambda front=front: not front.visibleRegion().isEmpty(), timeout=PATIENCE)
        press(qtbot, dock, Qt.Key.Key_1)
        assert tag_of(dock, "TC") == tag
    # In a window of its own it is in sight again, whatever is in front there.
    dock.parentWidget().setFloating(True)
    other.raise_()
    qtbot.waitUntil(lambda: not dock.visibleRegion().isEmpty(), timeout=PATIENCE)
    assert dock.slices.keys.enabled


def test_a_damaged_scan_leaves_the_other_one_selected(qtbot, dock, phantom_study, told, tmp_path):
    scans = Path(shutil.copytree(phantom_study.files("phantom01")[0].parents[1], tmp_path / "s"))
    names = ("phantom01", "phantom02")
    files = {name: [scans / name / "flair.nii.gz", scans / name / "t1c.nii.gz"] for name in names}
    study = Study.create(tmp_path / "x", scans=files, channels=["flair", "t1c"], classes=["TC"])
    damaged = files["phantom02"][0]
    damaged.write_bytes(damaged.read_bytes()[:-500])
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(study.folder)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    assert "flair.nii.gz" in told[-1].message
    assert dock.session.scan == "phantom01"
    assert dock.scans.currentRow() == 0


def test_a_damaged_scan_does_not_keep_back_another(qtbot, dock, phantom_folder, tmp_path):
    scans = Path(shutil.copytree(phantom_folder, tmp_path / "s"))
    shutil.copytree(scans / "phantom01", scans / "phantom03")
    files = {f"phantom0{k}": [scans / f"phantom0{k}" / "t1c.nii.gz"] for k in (1, 2, 3)}
    study = Study.create(tmp_path / "x", scans=files, channels=["t1c"], classes=["TC"])
    damaged = files["phantom02"][0]
    damaged.write_bytes(damaged.read_bytes()[:-500])
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(study.folder)

    def choose_another(said: str) -> None:
        if "phantom02" in said:
            dock.scans.setCurrentRow(2)

    dock._reading.said.connect(choose_another)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    assert dock.session.scan == "phantom03"
    assert dock.scans.currentRow() == 2


def test_a_study_whose_first_scan_is_missing_still_opens(qtbot, dock, phantom_folder, tmp_path):
    scans = Path(shutil.copytree(phantom_folder, tmp_path / "s"))
    files = {name: [scans / name / "t1c.nii.gz"] for name in ("phantom01", "phantom02")}
    study = Study.create(tmp_path / "x", scans=files, channels=["t1c"], classes=["TC"])
    files["phantom01"][0].unlink()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(study.folder)
    assert dock.scans.count() == 2
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    assert dock.session.scan == "phantom02"


def test_layers_of_the_users_own_stay_when_a_study_opens(qtbot, dock, phantom_study):
    dock.viewer.open_sample("napari-mcwss", "phantom")
    sample = list(dock.viewer.layers)
    own = [dock.viewer.add_image(np.zeros((4, 30, 20))), dock.viewer.add_labels(sample[-1].data)]
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    assert all(layer in dock.viewer.layers for layer in own)
    assert not any(layer in dock.viewer.layers for layer in sample), "no part of this patient"


def test_buttons_follow_the_slice(qtbot, dock, study):
    click(qtbot, dock.slices.buttons.buttons[1])
    assert "1 of 25" in dock.slices.progress_label.text()
    dock.session.go_to(3)
    assert "unknown" in dock.slices.buttons.buttons[1].text()
    assert "Slice 3" in dock.slices.slice_label.text()
    dock.session.go_to(12)
    assert "present" in dock.slices.buttons.buttons[1].text()


def test_choosing_another_scan_shows_it_and_stores_the_first_ones_tags(qtbot, dock, study):
    click(qtbot, dock.slices.buttons.buttons[0])
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    assert dock.session.scan == "phantom02"
    assert "0 of 25" in dock.slices.progress_label.text()
    assert "12,1," in (study.folder / "tags" / "phantom01.csv").read_text()


def test_another_scan_looks_as_the_user_has_made_the_first_one_look(qtbot, dock, study):
    def channels():
        return study_layers(dock.viewer, "scan")

    t1c, flair = channels()
    t1c.visible, flair.opacity = True, 0.5
    flair.affine = np.array([[1, 0, 0, 0], [0, 1, 0, 5], [0, 0, 1, 0], [0, 0, 0, 1]])
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    scan = study.scan("phantom02")
    assert channels() == [t1c, flair]
    assert (t1c.visible, flair.opacity) == (True, 0.5)
    for layer, voxels in zip(channels(), scan.volume(), strict=True):
        np.testing.assert_array_equal(layer.data, voxels)
        np.testing.assert_allclose(layer.scale, scan.geometry.spacing)
        assert layer.metadata["geometry"] == scan.geometry
        np.testing.assert_array_equal(layer.affine.affine_matrix, np.eye(4))
        assert tuple(layer.contrast_limits) == contrast(voxels)


def test_a_scan_of_another_shape_is_shown_in_the_same_layers(qtbot, dock, tmp_path):
    rng, shapes, spacings = np.random.default_rng(0), [(20, 30, 9), (36, 24, 15)], [2.0, 0.5]
    for name, shape, spacing in zip("ab", shapes, spacings, strict=True):
        (tmp_path / "scans" / name).mkdir(parents=True)
        image = nib.Nifti1Image(rng.random(shape).astype(np.float32), np.diag([1, 1, spacing, 1]))
        nib.save(image, tmp_path / "scans" / name / "t1.nii.gz")
    files = {name: [tmp_path / "scans" / name / "t1.nii.gz"] for name in "ab"}
    Study.create(tmp_path / "study", scans=files, channels=["t1"], classes=["A"])
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(tmp_path / "study")
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    assert dock.session.slice_index == 7
    assert dock.viewer.dims.range[0] == (0, 7, 0.5)
    dock.session.go_to(14)
    (layer,) = study_layers(dock.viewer, "scan")
    np.testing.assert_array_equal(layer._slice.image.raw, layer.data[14])


def test_another_scan_has_all_channels_if_the_user_removed_one(qtbot, dock, study):
    t1c, flair = study_layers(dock.viewer, "scan")
    flair.colormap = "magma"
    dock.viewer.layers.remove(t1c)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    t1c, flair = study_layers(dock.viewer, "scan")
    assert (t1c.name, flair.name, flair.colormap.name) == ("t1c", "flair", "magma")


@pytest.mark.parametrize("view", ["coronal", "3d"])
def test_no_slice_is_tagged_from_another_view(qtbot, dock, study, view):
    click(qtbot, dock.slices.buttons.buttons[1])
    click(qtbot, dock.slices.switch)
    if view == "3d":
        dock.viewer.dims.ndisplay = 3
    else:
        dock.viewer.dims.order = (1, 0, 2)
    assert not dock.slices.buttons.isEnabled()
    assert "urn" in dock.status.text()
    # A tag that stays on a button would be taken for one of what is on screen.
    assert not any("present" in button.text() for button in dock.slices.buttons.buttons)
    press(qtbot, dock, Qt.Key.Key_1)
    assert tag_of(dock, "TC") == Tag.UNKNOWN
    dock.viewer.dims.ndisplay, dock.viewer.dims.order = 2, (0, 1, 2)
    assert dock.slices.buttons.isEnabled()
    assert "present" in dock.slices.buttons.buttons[1].text()


def test_a_folder_without_a_study_is_told_in_a_notification(qtbot, dock, told, tmp_path):
    dock.open_study(tmp_path)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert str(tmp_path) in told[-1].message
    assert dock.session.study is None


def test_tags_that_the_disk_does_not_take_stay_and_are_saved_later(qtbot, dock, study, monkeypatch):
    def full(*_: object) -> None:
        raise McwssError("cannot write 'x': No space left on device")

    slices, first = dock.slices, dock.slices.buttons.buttons[0]
    monkeypatch.setattr("napari_mcwss.tags.journal.append_line", full)
    click(qtbot, first)
    assert "present" in first.text()
    assert "No space left" in slices.saved.text()
    assert "#d55e00" in slices.saved.label.styleSheet()
    assert tag_of(dock, "TC") == Tag.UNKNOWN
    click(qtbot, slices.buttons.buttons[1])
    monkeypatch.undo()
    # The next keystroke tries again at once, and so does the clock.
    with qtbot.waitSignal(dock.session.saving.changed, timeout=PATIENCE):
        pass
    assert slices.saved.text().startswith("saved ")
    assert tag_of(dock, "TC") == tag_of(dock, "ED") == Tag.PRESENT
    dock.slices.undoing.undo()
    assert tag_of(dock, "ED") == Tag.UNKNOWN, "both steps were kept apart"
    assert tag_of(dock, "TC") == Tag.PRESENT


def test_tags_that_wait_are_still_there_after_another_scan(qtbot, dock, study, monkeypatch):
    def full(*_: object) -> None:
        raise McwssError("cannot write 'x': No space left on device")

    monkeypatch.setattr("napari_mcwss.tags.journal.append_line", full)
    click(qtbot, dock.slices.buttons.buttons[0])
    for row in (1, 0):
        with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
            dock.scans.setCurrentRow(row)
    assert "present" in dock.slices.buttons.buttons[0].text()
    click(qtbot, dock.slices.buttons.buttons[1])
    monkeypatch.undo()
    dock.session.saving.retry()
    assert tag_of(dock, "TC") == tag_of(dock, "ED") == Tag.PRESENT


def test_damaged_tags_are_told_and_cannot_be_changed(qtbot, dock, phantom_study):
    (phantom_study.folder / "tags" / ".journal" / "phantom01.jsonl").mkdir(parents=True)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    # No state at all is claimed.
    assert dock.slices.buttons.buttons[0].text().split() == ["1", "TC"]
    assert not dock.slices.buttons.isEnabled()
    assert "phantom01.jsonl" in dock.status.text()


def test_a_study_that_another_program_tags_is_only_read(qtbot, dock, phantom_study):
    phantom_study.tags.change(phantom_study.scan_names[0], 12, "TC", Tag.PRESENT)
    phantom_study.tags.lock.acquire()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    assert f"process {os.getpid()}" in dock.status.text()
    click(qtbot, dock.slices.switch)
    assert not dock.slices.buttons.isEnabled()
    press(qtbot, dock, Qt.Key.Key_1)
    assert tag_of(dock, "TC") == Tag.PRESENT
    phantom_study.tags.lock.release()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, dock.claim_button)
    press(qtbot, dock, Qt.Key.Key_1)
    qtbot.waitUntil(lambda: tag_of(dock, "TC") == Tag.ABSENT, timeout=PATIENCE)
    with pytest.raises(McwssError, match="can only be read"):
        phantom_study.tags.change(phantom_study.scan_names[0], 0, "TC", Tag.PRESENT)
    dock.session.close()
    phantom_study.tags.change(phantom_study.scan_names[0], 0, "TC", Tag.PRESENT)


def test_the_view_is_turned_back_by_a_button(qtbot, dock, study):
    assert not dock.turn_button.isVisible()
    dock.viewer.dims.order = (2, 0, 1)
    click(qtbot, dock.turn_button)
    assert tuple(dock.viewer.dims.order) == (0, 1, 2)
    dock.viewer.dims.ndisplay = 3
    click(qtbot, dock.turn_button)
    assert dock.viewer.dims.ndisplay == 2
    assert dock.slices.buttons.isEnabled()
