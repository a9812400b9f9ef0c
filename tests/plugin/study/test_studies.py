"""Making studies beside the screen, and how far their scans are tagged."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog

from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.plugin.study import lost_scans
from napari_mcwss.plugin.study.new_study import ScansDialog
from napari_mcwss.plugin.study.open_layers import OpenLayersDialog
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000


@pytest.fixture
def dock(make_napari_viewer) -> Iterator[TaggingDock]:
    viewer = make_napari_viewer(show=True)
    dock = TaggingDock(viewer)
    viewer.window.add_dock_widget(dock, name="Tagging")
    yield dock
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def threads(monkeypatch) -> list[int]:
    """The threads that studies are made in."""
    seen: list[int] = []
    create = Study.create.__func__

    def watched(*arguments, **named):
        seen.append(threading.get_ident())
        return create(*arguments, **named)

    monkeypatch.setattr(Study, "create", classmethod(watched))
    return seen


def texts(dock) -> list[str]:
    return [dock.scans.item(row).text() for row in range(dock.scans.count())]


def dialog_of(dock, qtbot, kind) -> QDialog:
    qtbot.waitUntil(lambda: dock.findChild(kind) is not None, timeout=PATIENCE)
    return dock.findChild(kind)


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def new_study(qtbot, dock, scans, folder) -> QDialog:
    """Fill the dialog in and press its button."""
    dock.new_study([scans])
    dialog = dialog_of(dock, qtbot, ScansDialog)
    dialog.classes.setText("TC")
    dialog.study_folder.setText(str(folder))
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    click(qtbot, dialog.ok_button)
    return dialog


def test_moved_scans_are_told_and_found_again_by_a_click(
    qtbot, dock, tagged_study, monkeypatch, told
):
    old = tagged_study.folder.parent / "scans"
    new = old.rename(old.with_name("moved"))
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(tagged_study.folder)
    assert "does not exist, nor do files of 3 other scans" in told[-1].message
    assert dock.status.text() == "Choose a scan."
    qtbot.waitUntil(dock.lost.isVisible, timeout=PATIENCE)
    assert "phantom01, phantom02, phantom03, phantom04" in dock.lost.label.text()
    monkeypatch.setattr(lost_scans.QFileDialog, "getExistingDirectory", lambda *_: str(new))
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, dock.lost.find_button)
    assert dock.session.scan == "phantom01"
    qtbot.waitUntil(lambda: len(dock.scans.tables) == 4, timeout=PATIENCE)
    assert not dock.lost.isVisible()


def test_every_scan_says_how_far_it_is_tagged(qtbot, dock, phantom_study):
    for index in (3, 4):
        phantom_study.tags.change("phantom02", index, "TC", Tag.ABSENT)
    dock.open_study(phantom_study.folder)
    expected = [
        "phantom01   (0 of 25 slices tagged)",
        "phantom02   (2 of 25 slices tagged, 2 in part)",
    ]
    qtbot.waitUntil(lambda: texts(dock) == expected, timeout=PATIENCE)
    qtbot.waitUntil(lambda: dock.session.scan == "phantom01", timeout=PATIENCE)
    click(qtbot, dock.slices.buttons.buttons[0])
    assert texts(dock)[0] == "phantom01   (1 of 25 slices tagged, 1 in part)"


def test_a_scan_that_is_gone_is_marked_in_the_list(qtbot, dock, phantom_folder, tmp_path):
    scans = Path(shutil.copytree(phantom_folder, tmp_path / "s"))
    files = {name: [scans / name / "t1c.nii.gz"] for name in ("phantom01", "phantom02")}
    study = Study.create(tmp_path / "x", scans=files, channels=["t1c"], classes=["TC"])
    files["phantom02"][0].unlink()
    dock.open_study(study.folder)
    qtbot.waitUntil(lambda: "phantom02   (cannot be read)" in texts(dock), timeout=PATIENCE)


def test_the_study_opened_last_is_the_one_that_is_counted(qtbot, dock, phantom_study, tmp_path):
    names = phantom_study.scan_names
    files = {f"other {name}": phantom_study.files(name) for name in names}
    other = Study.create(
        tmp_path / "other", scans=files, channels=phantom_study.channels, classes=["TC"]
    )
    other.tags.change("other phantom02", 0, "TC", Tag.PRESENT)
    dock.open_study(phantom_study.folder)
    dock.open_study(other.folder)
    expected = [f"other phantom0{n}   ({n - 1} of 25 slices tagged)" for n in (1, 2)]
    qtbot.waitUntil(lambda: texts(dock) == expected, timeout=PATIENCE)


def test_a_study_is_made_beside_the_screen(qtbot, dock, threads, phantom_folder, tmp_path):
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dialog = new_study(qtbot, dock, phantom_folder, tmp_path / "made")
        assert not dialog.buttons.isEnabled()
        assert dialog.reason.text() == "Reading of the scans' headers …"
        dialog.reject()  # It has to wait.
        assert dialog.isVisible()
    assert dock.session.study.scan_names == ("phantom01", "phantom02")
    assert threads
    assert threading.get_ident() not in threads


def test_scans_that_cannot_be_a_study_keep_the_dialog_open(qtbot, dock, phantom_folder, tmp_path):
    scans = Path(shutil.copytree(phantom_folder, tmp_path / "s"))
    (scans / "phantom02" / "t1c.nii.gz").write_bytes(b"no image")
    dialog = new_study(qtbot, dock, scans, tmp_path / "made")
    qtbot.waitUntil(dialog.buttons.isEnabled, timeout=PATIENCE)
    assert "t1c.nii.gz" in dialog.reason.text()
    assert dialog.isVisible()
    assert not (tmp_path / "made").exists()
    dialog.reject()


def make_of_layers(qtbot, dock, folder) -> OpenLayersDialog:
    click(qtbot, dock.welcome.layers_button)
    dialog = dialog_of(dock, qtbot, OpenLayersDialog)
    dialog.classes.setText("lesion")
    dialog.study_folder.setText(str(folder))
    click(qtbot, dialog.ok_button)
    return dialog


def test_classes_of_layers_between_semicolons_are_to_be_separated_with_commas(
    qtbot, dock, tmp_path
):
    dock.viewer.add_image(np.zeros((2, 9, 9)), name="ct")
    click(qtbot, dock.welcome.layers_button)
    dialog = dialog_of(dock, qtbot, OpenLayersDialog)
    dialog.classes.setText("TC; ED")
    dialog.study_folder.setText(str(tmp_path / "made"))
    click(qtbot, dialog.ok_button)
    assert dialog.reason.text() == "Separate the classes with commas, not semicolons."
    assert not (tmp_path / "made").exists()
    dialog.reject()


def test_a_study_of_a_coloured_layer_has_three_channels_and_shows_its_colours(
    qtbot, dock, tmp_path
):
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    dock.viewer.add_image(colours, name="wound", rgb=True)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        make_of_layers(qtbot, dock, tmp_path / "made")
    study = Study.open(tmp_path / "made")
    assert study.channels == ("red", "green", "blue")
    np.testing.assert_array_equal(study.scan("scan1").volume()[:, 0], colours.transpose(2, 0, 1))
    (layer,) = study_layers(dock.viewer, "scan")
    np.testing.assert_array_equal(layer.data[0], colours)


@pytest.mark.parametrize("changed", [False, True])
def test_a_study_refers_to_the_files_of_open_layers(
    qtbot, dock, threads, phantom_folder, tmp_path, changed
):
    files = [phantom_folder / "phantom02" / f"{channel}.nii.gz" for channel in ("t1c", "flair")]
    dock.viewer.open(files, plugin="napari-mcwss")
    if changed:
        dock.viewer.layers[0].data = dock.viewer.layers[0].data + 1
    shown = [np.array(layer.data) for layer in dock.viewer.layers]
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        make_of_layers(qtbot, dock, tmp_path / "made")
    study = Study.open(tmp_path / "made")
    # What was changed on the screen is in no file yet: that layer is written.
    written = tmp_path / "made" / "scans" / "scan1" / "t1c.nii.gz"
    assert study.files("scan1") == (written if changed else files[0], files[1])
    assert written.exists() == changed
    np.testing.assert_array_equal(study.scan("scan1").volume(), shown)
    assert threading.get_ident() not in threads


def test_a_layer_read_in_another_order_is_written(qtbot, dock, tmp_path):
    volume = np.random.default_rng(0).random((4, 4, 4)).astype(np.float32)
    geometry = Geometry.from_source((4, 4, 4), np.eye(4))
    write_volume(tmp_path / "ct.nii.gz", volume, geometry, dtype=np.float32)
    (layer,) = dock.viewer.open(tmp_path / "ct.nii.gz", plugin="napari-mcwss")
    layer.data = np.ascontiguousarray(volume.transpose(2, 1, 0))
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        make_of_layers(qtbot, dock, tmp_path / "made")
    study = Study.open(tmp_path / "made")
    assert study.files("scan1")[0].is_relative_to(tmp_path / "made")
    np.testing.assert_array_equal(study.scan("scan1").volume()[0], volume.transpose(2, 1, 0))


def test_layers_that_cannot_be_written_leave_nothing_behind(qtbot, dock, tmp_path, monkeypatch):
    from napari_mcwss.base.errors import McwssError
    from napari_mcwss.plugin.study import open_layers

    write, wanted = open_layers.write_volume, tmp_path / "made" / "scans" / "scan1"

    def full(path, *arguments, **named):
        if path.name == "b.nii.gz":
            raise McwssError("the disk is full")
        write(path, *arguments, **named)

    monkeypatch.setattr(open_layers, "write_volume", full)
    for name in "ab":
        dock.viewer.add_image(np.zeros((4, 30, 20), np.float32), name=name)
    dialog = make_of_layers(qtbot, dock, tmp_path / "made")
    qtbot.waitUntil(dialog.buttons.isEnabled, timeout=PATIENCE)
    assert "full" in dialog.reason.text()
    assert not wanted.parent.exists()
    monkeypatch.undo()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, dialog.ok_button)
    assert Study.open(tmp_path / "made").scan_names == ("scan1",)
