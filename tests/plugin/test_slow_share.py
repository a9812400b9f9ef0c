"""A study on a share, where each operation on a file waits for the network, opens all the same."""

import shutil
from collections.abc import Iterator
from functools import partial

import pytest
from helpers.slow_share import SlowShare
from napari.qt.threading import WorkerBase
from napari.viewer import Viewer
from qtpy.QtCore import QTimer

from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.study.study import Study
from napari_mcwss.tags.changes import changes_between
from napari_mcwss.tags.scan_tags import journal_of
from napari_mcwss.tags.table import Tag

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


def test_tagging_and_another_scan_take_no_long_pause(qtbot, viewer, segmented: Study):
    tagging, *_ = add_docks(viewer)
    first, second, *_ = segmented.scan_names
    session = tagging.session
    tagging.open_study(segmented.folder)
    qtbot.waitUntil(lambda: session.scan == first, timeout=PATIENCE)
    names = segmented.scan_names
    qtbot.waitUntil(lambda: len(tagging.scans.tables) == len(names), timeout=PATIENCE)

    def tag(index: int) -> None:
        after = session.table.copy()
        after.values[index] = Tag.UNKNOWN if after.values[index, 0] == Tag.PRESENT else Tag.PRESENT
        session.change_tags(changes_between(session.table, after))

    with SlowShare(segmented.folder.parent) as share:
        for index in (1, 2):
            saved = len(share.pauses)
            QTimer.singleShot(0, partial(tag, index))
            qtbot.waitUntil(lambda before=saved: len(share.pauses) > before, timeout=PATIENCE)
        assert not session.saving.waiting
        QTimer.singleShot(0, lambda: tagging._read(second))
        qtbot.waitUntil(lambda: session.scan == second, timeout=PATIENCE)
    assert not share.over(PAUSE)
    journal = journal_of(segmented.tags.folder, first)
    assert journal.edits()
    assert not journal.pending, "the csv file has the tags of the scan that was left"
