"""The stored mask is the one on screen, or the dock says how they differ."""

import json

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt

from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import parse_steps
from napari_mcwss.segmentation.results import MASK, RECORD, load_mask
from napari_mcwss.segmentation.segment import remake_mask
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 60_000
SAME = "The stored mask was made with these settings."


@pytest.fixture
def dock(results_dock: ResultsDock, segmented_study) -> ResultsDock:
    results_dock.session.open(segmented_study)
    return results_dock


def remake(study, scan: str, settings: MaskSettings) -> np.ndarray:
    """Store a mask of a scan, as the command line does, and return it."""
    remake_mask(study, "model-1", read_info(study.model_folder("model-1")), scan, settings)
    return load_mask(study, "model-1", scan)


def show(qtbot, dock, scan: str) -> np.ndarray:
    """Go to a scan, and return the mask on screen once all of its steps are taken."""
    dock.session.show(scan)

    def whole() -> bool:
        mask = dock.state.mask
        return mask is not None and mask.settings.steps == dock.state.settings.steps

    qtbot.waitUntil(whole, timeout=PATIENCE)
    (layer,) = study_layers(dock.viewer, "mask")
    return layer.data


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_study_shows_the_masks_that_are_stored_until_settings_are_changed(
    qtbot, dock, segmented_study
):
    first, second = segmented_study.scan_names[:2]
    tags = segmented_study.tags.read(second).values
    steps = parse_steps("small=0.05123456,holes")
    stored = [
        remake(segmented_study, first, MaskSettings(0.43217, 0.3, steps=steps)),
        remake(segmented_study, second, MaskSettings(0.2, tags=tags)),
    ]
    assert stored[0].any()
    np.testing.assert_array_equal(show(qtbot, dock, first), stored[0])
    assert dock.stored_mask.status.text() == SAME
    assert not dock.use_tags.isChecked()
    assert dock.threshold.value() == pytest.approx(0.43217)
    assert dock.refining.rows["small"].box.isChecked()
    np.testing.assert_array_equal(show(qtbot, dock, second), stored[1])
    assert dock.stored_mask.status.text() == SAME
    assert dock.use_tags.isChecked()

    dock.threshold.setValue(0.45)
    show(qtbot, dock, first)
    assert dock.threshold.value() == pytest.approx(0.45)
    assert (
        "made with settings other than those above: threshold 0.43217,"
        in dock.stored_mask.status.text()
    )
    click(qtbot, dock.stored_mask.back_button)
    qtbot.waitUntil(lambda: dock.stored_mask.status.text() == SAME, timeout=PATIENCE)
    np.testing.assert_array_equal(show(qtbot, dock, first), stored[0])


def test_tags_to_come_count_where_there_were_none(qtbot, dock, segmented_study):
    scan = segmented_study.scan_names[0]
    table = segmented_study.tags.read(scan)
    table.values[:] = -1
    segmented_study.tags.write({scan: table})
    remake(segmented_study, scan, MaskSettings(0.4, tags=table.values))
    show(qtbot, dock, scan)
    assert dock.use_tags.isChecked()
    assert dock.stored_mask.status.text() == SAME


@pytest.mark.parametrize(
    ("exact", "reason"),
    [(False, "An older version rounded the CAMs"), (True, "Its file has changed since")],
)
def test_a_stored_mask_that_its_cams_do_not_give_is_told(
    qtbot, dock, segmented_study, exact, reason
):
    scan = segmented_study.scan_names[0]
    made = remake(segmented_study, scan, MaskSettings(0.4))
    folder = segmented_study.result_folder("model-1", scan)
    record = json.loads((folder / RECORD).read_text())
    assert record.pop("exact_cams")
    if not exact:
        (folder / RECORD).write_text(json.dumps(record))
    larger = np.ones_like(made, np.uint8)
    geometry = segmented_study.scan(scan).geometry
    write_volume(folder / MASK, larger, geometry, dtype=np.uint8)

    show(qtbot, dock, scan)
    text = dock.stored_mask.status.text()
    voxel = np.prod(geometry.spacing) / 1000
    assert text.startswith(f"{SAME} But it differs: TC {larger.size * voxel:.1f} mL (")
    assert reason in text
    with qtbot.waitSignal(dock.stored_mask.background.ended, timeout=PATIENCE):
        click(qtbot, dock.stored_mask.save_button)
    assert dock.stored_mask.status.text() == SAME
    np.testing.assert_array_equal(load_mask(segmented_study, "model-1", scan), made)


def test_volumes_are_those_of_the_mask_that_is_seen(qtbot, dock, segmented_study):
    scan = segmented_study.scan_names[0]
    made = remake(segmented_study, scan, MaskSettings(0.4))
    voxel = np.prod(segmented_study.scan(scan).geometry.spacing) / 1000
    show(qtbot, dock, scan)
    text = dock.volumes.text()
    assert "mask of model-1" in text
    assert f"{np.count_nonzero(made == 1) * voxel:.1f} mL" in text

    correcting = dock.session.correcting
    correcting.begin("model-1")
    correcting.layer.data[:] = 0
    correcting.layer.data[:2] = 1
    correcting.save_painted()
    expected = f"{np.count_nonzero(correcting.layer.data) * voxel:.1f} mL"
    qtbot.waitUntil(lambda: expected in dock.volumes.text(), timeout=PATIENCE)
    assert "corrected mask" in dock.volumes.text()
    assert "0.0 mL" in dock.volumes.text()
    correcting.layer.visible = False
    assert dock.volumes.text() == text
    correcting.layer.visible = True
    qtbot.waitUntil(lambda: expected in dock.volumes.text(), timeout=PATIENCE)


def test_areas_in_pictures_are_in_pixels(qtbot, dock, tmp_path):
    file = tmp_path / "a.png"
    Image.fromarray(np.full((40, 30), 9, np.uint8)).save(file)
    study = Study.create(
        tmp_path / "study", scans={"a": [file]}, channels=["grey"], classes=["TC", "ED"]
    )
    labels = np.zeros((1, 40, 30), np.uint8)
    labels[0, 5:9, 3:6] = 2
    save_corrected(study, "a", CorrectedMask(labels))
    dock.session.open(study)
    dock.session.show("a")
    qtbot.waitUntil(lambda: "12 pixels" in dock.volumes.text(), timeout=PATIENCE)
    assert "mL" not in dock.volumes.text()
