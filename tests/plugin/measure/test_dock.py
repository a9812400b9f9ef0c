"""The measure dock: a table of what is on screen, as it is painted, and of stored masks."""

import csv
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from napari.layers import Labels
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_mcwss.plugin.measure.dock import MeasureDock
from napari_mcwss.plugin.shared.layers import show_prediction_layers, study_layers
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected

pytestmark = pytest.mark.gui
PATIENCE = 120_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dock(make_napari_viewer, tagged_study) -> Iterator[MeasureDock]:
    """The dock on the first of four scans, beside a mask of 10 x 10 voxels on two slices."""
    for scan in tagged_study.scan_names[:2]:
        labels = np.zeros(tagged_study.scan(scan).geometry.shape, np.uint8)
        labels[3:5, 10:20, 10:20] = 1
        save_corrected(tagged_study, scan, CorrectedMask(labels))
    viewer = make_napari_viewer(show=True)
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock, name="Measure")
    dock.session.open(tagged_study)
    dock.session.show(tagged_study.scan_names[0])
    yield dock
    dock.background.cancel()
    WorkerBase.await_workers(PATIENCE)


def painted(dock, name: str, label: int = 1):
    """Add a layer that a second reader has painted: the mask, and one slice more."""
    study, scan = dock.session.study, dock.session.scan
    labels = np.zeros(study.scan(scan).geometry.shape, np.uint8)
    labels[3:6, 10:20, 10:20] = label
    return dock.viewer.add_labels(labels, name=name)


def choose(choice, text: str) -> None:
    index = choice.findText(text)
    assert index >= 0, [choice.itemText(i) for i in range(choice.count())]
    choice.setCurrentIndex(index)
    choice.activated.emit(index)


def measure(qtbot, dock) -> None:
    assert dock.measure_button.isEnabled()
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE):
        qtbot.mouseClick(dock.measure_button, LEFT)


def table(dock) -> list[dict[str, str]]:
    """What is seen, line by line."""
    model = dock.model
    names = [model.horizontalHeaderItem(c).text() for c in range(model.columnCount())]
    return [
        {
            name: model.item(r, c).text()
            for c, name in enumerate(names)
            if not dock.table.isColumnHidden(c)
        }
        for r in range(model.rowCount())
    ]


def test_two_readers_stand_side_by_side_against_a_reference(qtbot, dock, tagged_study):
    painted(dock, "reader B")
    painted(dock, "truth", label=4)
    choose(dock.first, "corrected masks")
    choose(dock.second, "layer reader B")
    choose(dock.reference, "layer truth")
    dock.values.setText("TC=1,4 ED=2")
    measure(qtbot, dock)
    lines = {(line["Mask"], line["Class"]): line for line in table(dock)}
    voxel = np.prod(tagged_study.scan(dock.session.scan).geometry.spacing) / 1000
    first, second = lines["corrected", "TC"], lines["reader B", "TC"]
    assert (first["mL"], first["Slices"]) == (f"{200 * voxel:.1f}", "2")
    assert (second["mL"], second["Slices"], second["Dice"]) == (f"{300 * voxel:.1f}", "3", "1.000")
    assert (first["Dice"], first["Sens."], first["Prec."]) == ("0.800", "0.667", "1.000")
    assert float(first["HD95 mm"]) > 0
    assert float(first["Surf. mm"]) > 0
    assert lines["empty mask", "TC"]["Dice"] == "0.000"
    assert lines["corrected", "ED"]["Dice"] == "1.000", "both are empty"


def test_a_layer_is_measured_as_it_is_painted_now(qtbot, dock):
    layer = painted(dock, "mine")
    choose(dock.first, "layer mine")
    measure(qtbot, dock)
    before = table(dock)[0]
    assert "Dice" not in before
    layer.data[7, 10:20, 10:20] = 1
    measure(qtbot, dock)
    after = table(dock)[0]
    assert (before["Slices"], after["Slices"]) == ("3", "4")


def test_a_layer_is_proposed_until_the_user_chooses(dock, tagged_study):
    dock.session.show(tagged_study.scan_names[2])  # without a corrected mask
    assert dock.first.currentText() == "corrected masks"
    painted(dock, "mine")
    assert dock.first.currentText() == "layer mine"
    choose(dock.first, "corrected masks")
    painted(dock, "another")
    assert dock.first.currentText() == "corrected masks"


def test_a_mask_layer_that_waits_for_its_mask_is_not_measured(qtbot, dock, tagged_study):
    dock.session.show(tagged_study.scan_names[2])  # without a corrected mask
    geometry, classes = tagged_study.scan(dock.session.scan).geometry, tagged_study.classes
    cams = {spec.name: np.zeros(geometry.shape, np.float32) for spec in classes}
    mask = np.zeros(geometry.shape, np.uint8)
    show_prediction_layers(dock.viewer, geometry, classes, cams, mask)
    assert dock.first.currentText() == "layer mask", "an empty mask is one, too"
    dock.session.show(tagged_study.scan_names[3])
    assert dock.first.findText("layer mask") < 0
    (empty,) = study_layers(dock.viewer, "mask")
    dock.viewer.add_layer(Labels(mask.copy(), name="copy", metadata=empty.metadata))
    assert dock.first.currentText() == "layer copy", "a copy is the user's"
    dock.viewer.layers.remove("copy")
    show_prediction_layers(dock.viewer, geometry, classes, cams, mask)
    dock.first.showPopup()
    dock.first.hidePopup()
    assert dock.first.currentText() == "layer mask"


def test_a_proposal_that_the_user_took_stays(qtbot, dock, tagged_study):
    dock.session.show(tagged_study.scan_names[2])  # without a corrected mask
    dock.first.showPopup()
    qtbot.keyClick(dock.first.view(), Qt.Key.Key_Return)
    assert dock.first.currentText() == "corrected masks"
    painted(dock, "mine")
    assert dock.first.currentText() == "corrected masks"


def test_a_scan_without_such_a_mask_is_told_with_its_name(qtbot, dock, tagged_study):
    dock.session.show(tagged_study.scan_names[3])
    choose(dock.first, "corrected masks")
    measure(qtbot, dock)
    assert dock.status.text().startswith("Scans measured: 0.")
    assert dock.status.text().endswith(f"{tagged_study.scan_names[3]}: it has no mask of corrected")
    assert table(dock) == []


def test_all_scans_are_measured_with_the_prior_of_the_others(qtbot, dock, tagged_study, tmp_path):
    for scan in tagged_study.scan_names:
        geometry = tagged_study.scan(scan).geometry
        labels = np.zeros(geometry.shape, np.uint8)
        labels[3:5, 10:20, 10:20] = 1
        write_volume(tmp_path / "truth" / f"{scan}.nii.gz", labels, geometry, dtype=np.uint8)
    choose(dock.first, "corrected masks")
    dock.reference.take_folder(tmp_path / "truth")
    dock.scope.setCurrentIndex(1)
    measure(qtbot, dock)
    lines = {(line["Scan"], line["Mask"], line["Class"]): line for line in table(dock)}
    assert {scan for scan, _, _ in lines} == set(tagged_study.scan_names[:2])
    for scan in tagged_study.scan_names[:2]:
        assert lines[scan, "location prior", "TC"]["Dice"] == "1.000"
    assert "Mean Dice of location prior: TC 1.000, ED " in dock.status.text()


def test_the_table_is_sorted_by_number_copied_and_saved(qtbot, dock, tmp_path, monkeypatch):
    layer = painted(dock, "mine")
    layer.data[:, :3, :3] = 2
    choose(dock.first, "layer mine")
    measure(qtbot, dock)
    assert [line["Class"] for line in table(dock)] == ["TC", "ED"]
    assert [line["Slices"] for line in table(dock)] == ["3", "9"]
    header, column = dock.table.horizontalHeader(), 5
    place = header.sectionViewportPosition(column) + header.sectionSize(column) // 2
    for _ in range(2):
        qtbot.mouseClick(header.viewport(), LEFT, pos=header.rect().center().__class__(place, 5))
    slices = [line["Slices"] for line in table(dock)]
    order = header.sortIndicatorOrder()
    assert slices == (["3", "9"] if order == Qt.SortOrder.AscendingOrder else ["9", "3"])
    qtbot.mouseClick(dock.copy_button, LEFT)
    copied = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert copied[0] == ["scan", "mask", "class", "volume_ml", "diameter_mm", "slices"]
    assert [line[5] for line in copied[1:]] == slices
    file = tmp_path / "out.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    qtbot.mouseClick(dock.save_button, LEFT)
    with file.open(newline="") as opened:
        assert list(csv.reader(opened)) == copied


def test_a_stroke_that_is_not_saved_yet_counts(qtbot, dock):
    correcting = dock.session.correcting
    qtbot.waitUntil(lambda: correcting.layer is not None, timeout=PATIENCE)
    correcting.layer.data[8, :3, :3] = 2
    choose(dock.first, "corrected masks")
    measure(qtbot, dock)
    (ed,) = [line for line in table(dock) if line["Class"] == "ED"]
    assert ed["Slices"] == "1"


def test_wrong_values_are_told(qtbot, dock, told):
    painted(dock, "truth")
    choose(dock.first, "corrected masks")
    choose(dock.reference, "layer truth")
    dock.values.setText("necrosis=1")
    qtbot.mouseClick(dock.measure_button, LEFT)
    assert "necrosis" in told[-1].message
    assert not dock.background.running


def test_one_damaged_mask_does_not_stop_the_others(qtbot, dock, tagged_study):
    damaged, whole = tagged_study.scan_names[:2]
    (tagged_study.folder / "corrected" / f"{damaged}.nii.gz").write_bytes(b"half")
    choose(dock.first, "corrected masks")
    dock.scope.setCurrentIndex(1)
    measure(qtbot, dock)
    assert {line["Scan"] for line in table(dock)} == {whole}
    assert damaged in dock.status.text()


def test_a_missed_class_is_told_below_the_table(qtbot, dock, tagged_study, give_results):
    scan = dock.session.scan
    give_results(tagged_study, {scan: np.zeros(tagged_study.scan(scan).geometry.shape, np.uint8)})
    dock.session.models_changed.emit()
    choose(dock.first, "model model-1")
    measure(qtbot, dock)
    assert f"model-1: TC: not found in {scan}, though tagged present on" in dock.status.text()
    choose(dock.first, "corrected masks")
    measure(qtbot, dock)
    assert "not found" not in dock.status.text()


def test_the_mask_that_is_seen_is_measured_and_named(qtbot, dock, tagged_study):
    geometry, classes = tagged_study.scan(dock.session.scan).geometry, tagged_study.classes
    correcting = dock.session.correcting
    qtbot.waitUntil(lambda: correcting.layer is not None, timeout=PATIENCE)
    cams = {spec.name: np.zeros(geometry.shape, np.float32) for spec in classes}
    mask = np.zeros(geometry.shape, np.uint8)
    mask[0, :3, :3] = 1
    show_prediction_layers(dock.viewer, geometry, classes, cams, mask)
    (model,) = study_layers(dock.viewer, "mask")
    assert not model.visible
    assert dock.first.currentText() == "layer corrected mask"
    assert dock.first.findText("layer mask (hidden)") > 0
    measure(qtbot, dock)
    assert [line["Slices"] for line in table(dock)] == ["2", "0"]
    assert dock.title.text() == "layer corrected mask"

    correcting.layer.visible = False
    model.visible = True
    assert dock.first.currentText() == "layer mask"
    measure(qtbot, dock)
    assert [line["Slices"] for line in table(dock)] == ["1", "0"]
    assert dock.title.text() == "layer mask"
    choose(dock.first, "layer corrected mask (hidden)")
    correcting.layer.visible = True
    assert dock.first.currentText() == "layer corrected mask", "the user has chosen it"


def test_masks_beside_the_scans_are_a_reference(qtbot, dock, tagged_study, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("seg", True))
    choose(dock.first, "corrected masks")
    choose(dock.reference, "masks beside the scans …")
    assert dock.reference.currentText() == "seg beside the scans"
    assert dock.values.isEnabled()
    dock.unions.setText("whole=TC,ED")
    measure(qtbot, dock)
    lines = {(line["Mask"], line["Class"]): line for line in table(dock)}
    assert float(lines["corrected", "TC"]["Ref. mL"]) > 0
    parts = [float(lines["corrected", name]["Ref. mL"]) for name in ("TC", "ED")]
    joined = lines["corrected", "whole"]
    assert joined["Slices"] == "2"
    assert float(joined["Ref. mL"]) == pytest.approx(sum(parts), abs=0.11)
    assert dock.title.text() == "corrected masks, compared with seg beside the scans"


def test_masks_that_are_recognised_are_offered(qtbot, dock):
    choose(dock.first, "corrected masks")
    choose(dock.reference, "seg beside the scans")
    measure(qtbot, dock)
    assert dock.title.text() == "corrected masks, compared with seg beside the scans"


def test_scan_class_and_dice_are_seen_without_scrolling(qtbot, dock, tagged_study):
    painted(dock, "a layer with quite a long name, as people give them")
    choose(dock.first, "corrected masks")
    choose(dock.reference, "layer a layer with quite a long name, as people give them")
    measure(qtbot, dock)
    header = dock.table.horizontalHeader()
    order = [
        header.model().headerData(header.logicalIndex(n), Qt.Orientation.Horizontal)
        for n in range(4)
    ]
    assert order == ["Scan", "Mask", "Class", "Dice"]
    last = header.logicalIndex(3)
    right = header.sectionViewportPosition(last) + header.sectionSize(last)
    assert right < 60 * header.fontMetrics().averageCharWidth()


def test_classes_are_named_whole(qtbot, dock):
    name = "bilateral pulmonary consolidation"
    choose(dock.first, "corrected masks")
    dock.unions.setText(f"{name.replace(' ', '-')}=TC,ED")
    measure(qtbot, dock)
    header = dock.table.horizontalHeader()
    column = next(n for n in range(header.count()) if dock.model.item(0, n).text() == "TC")
    assert header.sectionSize(column) >= dock.table.fontMetrics().horizontalAdvance(name)
    assert dock.model.item(2, column).toolTip() == name.replace(" ", "-")


@pytest.mark.parametrize("text", ["whole", "whole=", "=TC"])
def test_a_union_that_cannot_be_read_is_told(dock, qtbot, told, text):
    choose(dock.first, "corrected masks")
    dock.unions.setText(text)
    qtbot.mouseClick(dock.measure_button, LEFT)
    assert "such as all=TC,ED" in told[-1].message


def test_why_nothing_was_measured_is_told_in_the_dock(qtbot, dock, tagged_study, told):
    choose(dock.first, "corrected masks")
    dock.session.show(tagged_study.scan_names[1])
    dock.reference.take_beside("truth")
    measure(qtbot, dock)
    text = dock.status.text()
    assert text.startswith("Failed: no scan has such a mask; for example, scan ")
    painted(dock, "mine")  # the lists of masks are refreshed
    assert dock.status.text() == text

    file = tagged_study.files(tagged_study.scan_names[2])[0]
    shutil.copyfile(file.with_name("seg.nii.gz"), file.with_name("truth.nii.gz"))
    measure(qtbot, dock)
    (problem,) = dock.status.text().splitlines()[1:]
    assert problem.startswith(f"{tagged_study.scan_names[1]}: it has no mask of truth")
