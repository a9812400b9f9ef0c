"""`napari-mcwss open`."""

import sys

import napari
import pytest
from napari.qt.threading import WorkerBase

from napari_mcwss.cli import app as cli
from napari_mcwss.plugin import launch
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.plugin.training.dock import TrainingDock

pytestmark = pytest.mark.gui


def test_open_brings_up_the_three_docks_on_the_study(
    make_napari_viewer, qtbot, monkeypatch, phantom_study
):
    viewer = make_napari_viewer(show=True)
    monkeypatch.setattr(launch.napari, "Viewer", lambda **_: viewer)

    def look() -> None:
        """Stand in for the event loop: look at what a user would see in it."""
        session = Session.of(viewer)
        qtbot.waitUntil(lambda: session.scan == "phantom01", timeout=30_000)
        docks = viewer.window.dock_widgets
        kinds = {"Tagging": TaggingDock, "Training": TrainingDock, "Results": ResultsDock}
        for name, kind in kinds.items():
            assert isinstance(docks[name], kind)
            assert docks[name].session is session

    monkeypatch.setattr(napari, "run", look)
    monkeypatch.setattr(sys, "argv", ["napari-mcwss", "open", str(phantom_study.folder)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    WorkerBase.await_workers(30_000)


def test_without_a_study_the_docks_wait_for_one(make_napari_viewer, monkeypatch):
    viewer = make_napari_viewer()
    monkeypatch.setattr(launch.napari, "Viewer", lambda **_: viewer)
    monkeypatch.setattr(napari, "run", lambda: None)
    launch.open_study()
    assert set(viewer.window.dock_widgets) >= {"Tagging", "Training", "Results"}
    assert Session.of(viewer).study is None


def test_two_viewers_have_a_session_each(make_napari_viewer, phantom_study):
    one, other = Session.of(make_napari_viewer()), Session.of(make_napari_viewer())
    one.open(phantom_study)
    assert one.study is phantom_study
    assert other.study is None
