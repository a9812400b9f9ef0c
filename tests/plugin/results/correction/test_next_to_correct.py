"""A click leads to the scan about which the model is least sure."""

import numpy as np
import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 120_000


def test_it_goes_there_and_says_why_until_all_are_corrected(qtbot, make_napari_viewer, segmented):
    study = segmented
    absent = np.flatnonzero(study.tags.read("phantom02").values[:, 0] == Tag.ABSENT)
    study.tags.change("phantom02", int(absent[0]), "TC", Tag.PRESENT)
    viewer = make_napari_viewer(show=True)
    tagging, dock = TaggingDock(viewer), ResultsDock(viewer)
    for widget, name in ((tagging, "Tagging"), (dock, "Results")):
        viewer.window.add_dock_widget(widget, name=name)
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        tagging.open_study(study.folder)
    session, suggestion = dock.session, dock.correction.next
    qtbot.mouseClick(suggestion.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: (session.scan, session.slice_index) == ("phantom02", absent[0]), timeout=PATIENCE
    )
    expected = "Next to correct: phantom02 (tags contradict the scores on 1 slice)"
    assert suggestion.reason.text() == expected
    for scan in study.scan_names:
        shape = study.scan(scan).geometry.shape
        save_corrected(session.study, scan, CorrectedMask(np.zeros(shape, np.uint8)))
    qtbot.mouseClick(suggestion.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: "Every segmented scan has" in suggestion.reason.text(), timeout=PATIENCE
    )
    WorkerBase.await_workers(PATIENCE)
