"""The window answers while scans, results and trainings come."""

from collections.abc import Iterator

import pytest
from helpers.many_classes import MODEL, make_study
from helpers.watchdog import Watchdog
from napari.qt.threading import WorkerBase
from napari.viewer import Viewer

from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.scans.phantom import phantom_scan
from napari_mcwss.training.events import Epoch

pytestmark = [pytest.mark.gui, pytest.mark.slow]

PATIENCE = 120_000

BRAIN = (60, 200, 180)
"""Voxels of a scan that is large enough to be felt."""


@pytest.fixture
def viewer(make_napari_viewer) -> Iterator[Viewer]:
    yield make_napari_viewer(show=True)
    WorkerBase.await_workers(PATIENCE)


def test_the_watchdog_sees_what_takes_long():
    with Watchdog() as watchdog:
        phantom_scan(size=BRAIN)
    (stretch,) = watchdog.long
    assert "phantom.py" in stretch


def test_the_sample_opens_without_a_freeze(viewer, qtbot):
    tagging, *_ = add_docks(viewer)
    with Watchdog() as watchdog:
        tagging.welcome.sample_button.click()
        qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=PATIENCE)
    assert not watchdog.long


def test_a_result_appears_without_a_freeze(viewer, qtbot, tmp_path):
    study = make_study(tmp_path, 2, scans=1, size=BRAIN)
    tagging, _, results = add_docks(viewer)
    with Watchdog() as watchdog:
        tagging.open_study(study.folder)
        qtbot.waitUntil(lambda: tagging.session.scan is not None, timeout=PATIENCE)
        qtbot.waitUntil(lambda: results.state.mask is not None, timeout=PATIENCE)
    assert results.model.model == MODEL
    assert not watchdog.long


def test_a_training_starts_and_runs_without_a_freeze(viewer, qtbot, tmp_path):
    study = make_study(tmp_path, 2, scans=3)
    tagging, training, _ = add_docks(viewer)
    tagging.open_study(study.folder)
    qtbot.waitUntil(lambda: tagging.session.scan is not None, timeout=PATIENCE)
    training.settings.fields["preset"].value = "local"
    training.settings.fields["width"].value = 2
    training.settings.length.setValue(2)
    epochs: list[Epoch] = []
    training.event_received.connect(lambda e: epochs.append(e) if isinstance(e, Epoch) else None)
    with Watchdog() as watchdog:
        training.train_button.click()
        qtbot.waitUntil(lambda: bool(epochs), timeout=PATIENCE)
        qtbot.waitUntil(lambda: not training.background.running, timeout=PATIENCE)
    assert not watchdog.long
