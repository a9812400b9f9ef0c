"""The Results dock with a stored mask, to be corrected."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from napari.qt.threading import WorkerBase

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import save_result

PATIENCE = 60_000
MODEL = "model-1"


@pytest.fixture
def dock_on(qtbot, make_napari_viewer, trained_study) -> Iterator[Callable[..., ResultsDock]]:
    """Open the dock on the first scan, after storing a mask of class TC in a part of it."""
    docks = []

    def opened(*part: slice) -> ResultsDock:
        scan = trained_study.scan_names[0]
        geometry = trained_study.scan(scan).geometry
        mask = np.zeros(geometry.shape, np.uint8)
        mask[part] = 1
        cams = np.stack([mask == 1, mask == 2]).astype(np.float32)
        run = json.loads((trained_study.model_folder(MODEL) / "config.json").read_bytes())["run"]
        found = Prediction(scan, trained_study.class_names, cams.max(axis=(2, 3)).T.copy(), cams)
        save_result(trained_study, MODEL, run, found, mask, MaskSettings(), geometry)
        viewer = make_napari_viewer(show=True)
        dock = ResultsDock(viewer)
        docks.append(dock)
        viewer.window.add_dock_widget(dock, name="Results")
        dock.session.open(trained_study)
        dock.use_tags.setChecked(False)
        with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
            dock.session.show(scan)
        return dock

    yield opened
    for dock in docks:
        dock.session.correcting.saving.finish()
    WorkerBase.await_workers(PATIENCE)
