"""A study on a share, where each operation on a file waits for the network, opens all the same."""

import shutil
from collections.abc import Iterator

import pytest
from helpers.slow_share import SlowShare
from napari.qt.threading import WorkerBase
from napari.viewer import Viewer
from qtpy.QtCore import QTimer

from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 120_000

PAUSE = 0.2
"""Most seconds that the main thread may wait for files before it answers again."""


@pytest.fixture
def viewer(make_napari_viewer) -> Iterator[Viewer]:
    yield make_napari_viewer(show=True)
    WorkerBase.await_workers(PATIENCE)


def test_a_study_with_several_models_opens_without_a_long_pause(qtbot, viewer, segmented: Study):
    for name in ("model-2", "model-3", "model-4"):
        shutil.copytree(segmented.model_folder("model-1"), segmented.model_folder(name))
    tagging, _, results = add_docks(viewer)
    with SlowShare(segmented.folder.parent) as share:
        QTimer.singleShot(0, lambda: tagging.open_study(segmented.folder))
        qtbot.waitUntil(lambda: tagging.session.scan is not None, timeout=PATIENCE)
        names = segmented.scan_names
        qtbot.waitUntil(lambda: len(tagging.scans.tables) == len(names), timeout=PATIENCE)
        qtbot.waitUntil(lambda: tagging.suggesting.model.count() == 4, timeout=PATIENCE)
        assert results.model.count() == 4
    assert share.pauses, "some files are read by the main thread"
    assert not share.over(PAUSE)
