"""The Results dock tells how near models come to corrected masks."""

import json

import numpy as np
import pytest
from helpers.questions import LEFT
from napari.qt.threading import WorkerBase
from qtpy.QtCore import QPoint

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import save_result

pytestmark = pytest.mark.gui
PATIENCE = 60_000
MODEL = "model-1"


def test_a_mask_that_is_confirmed_tells_how_near_the_model_was(
    qtbot, make_napari_viewer, trained_study
):
    scan = trained_study.scan_names[0]
    geometry = trained_study.scan(scan).geometry
    mask = np.zeros(geometry.shape, np.uint8)
    mask[2:6, 10:20, 10:20] = 1
    cams = np.stack([mask == 1, mask == 2]).astype(np.float32)
    run = json.loads((trained_study.model_folder(MODEL) / "config.json").read_bytes())["run"]
    found = Prediction(scan, trained_study.class_names, cams.max(axis=(2, 3)).T.copy(), cams)
    save_result(trained_study, MODEL, run, found, mask, MaskSettings(), geometry)
    viewer = make_napari_viewer(show=True)
    dock = ResultsDock(viewer)
    viewer.window.add_dock_widget(dock, name="Results")
    dock.session.open(trained_study)
    dock.use_tags.setChecked(False)
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        dock.session.show(scan)
    box = dock.correction
    box.begin()
    box._correcting.layer.data[4:6] = 0
    assert box.bought.text() == ""
    qtbot.mouseClick(box.right, LEFT, pos=QPoint(10, box.right.height() // 2))
    qtbot.waitUntil(lambda: MODEL in box.bought.text(), timeout=PATIENCE)
    assert f"{MODEL} 0.67 (1 scan)" in box.bought.text()
    WorkerBase.await_workers(PATIENCE)
