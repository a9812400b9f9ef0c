"""From one disagreement to the next, over the scans of a study."""

import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.segmentation.results import load_scores

pytestmark = pytest.mark.gui
PATIENCE = 120_000


def test_the_next_disagreement_is_on_the_next_segmented_scan_or_again_the_first(
    qtbot, make_napari_viewer, segmented_study
):
    study = segmented_study
    first, second = study.scan_names[:2]  # the others are not segmented
    for scan, places in ((first, (2,)), (second, (4, 6))):
        table = study.tags.read(scan)
        said = load_scores(study, "model-1", scan) >= 0.5
        table.values[:] = said
        table.values[places, 0] = ~said[places, 0]
        study.tags.write({scan: table})
    viewer = make_napari_viewer(show=True)
    tagging, dock = TaggingDock(viewer), ResultsDock(viewer)
    for widget, name in ((tagging, "Tagging"), (dock, "Results")):
        viewer.window.add_dock_widget(widget, name=name)
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        tagging.open_study(study.folder)
    session, button = dock.session, dock.slice_scores.next_button
    session.go_to(0)
    for scan, index in ((first, 2), (second, 4), (second, 6), (first, 2)):
        # Its layers come with its result: the next click must not be earlier.
        qtbot.waitUntil(button.isVisible, timeout=PATIENCE)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(
            lambda there=(scan, index): (session.scan, session.slice_index) == there,
            timeout=PATIENCE,
        )
        qtbot.waitUntil(lambda: dock.state.on_screen is not None, timeout=PATIENCE)
        assert "<b" in dock.slice_scores.here.text()
    WorkerBase.await_workers(PATIENCE)
