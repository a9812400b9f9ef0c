"""Public scans in File > Open Sample: asked before, downloaded beside, opened when wanted."""

import threading

import pytest
from helpers.docks import PATIENCE
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_mcwss.api.samples import SAMPLES
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.study import sample_dialog, study_folder
from napari_mcwss.plugin.study.sample_dialog import SampleDialog

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer(make_napari_viewer, public_sample, tmp_path, monkeypatch):
    monkeypatch.setitem(SAMPLES, "hippocampus", public_sample)
    monkeypatch.setattr(study_folder, "own_folder", lambda: tmp_path)
    return make_napari_viewer(show=True)


@pytest.fixture
def dialog(viewer, qtbot):
    """The dialog that the menu brings up."""
    assert viewer.open_sample("napari-mcwss", "hippocampus") == []
    (dialog,) = (
        found for found in QApplication.topLevelWidgets() if isinstance(found, SampleDialog)
    )
    qtbot.waitExposed(dialog)
    return dialog


def click(qtbot, button) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_size_and_licence_are_told_before_anything_is_downloaded(dialog, sample_server):
    assert "29 MB" in dialog.text.text()
    assert "CC BY-SA 4.0" in dialog.text.text()
    assert not dialog.isModal()
    dialog.cancel_button.click()
    assert sample_server.begins == []


def test_the_study_opens_in_the_tagging_dock_when_the_user_wants(viewer, dialog, qtbot, tmp_path):
    click(qtbot, dialog.download_button)
    qtbot.waitUntil(dialog.open_button.isVisible, timeout=PATIENCE)
    assert Session.of(viewer).study is None
    click(qtbot, dialog.open_button)
    session = Session.of(viewer)
    qtbot.waitUntil(lambda: session.scan == "hippocampus_0", timeout=PATIENCE)
    assert session.study.folder == tmp_path / "hippocampus-study" / "study"


def test_a_cancelled_download_leaves_no_folder(dialog, qtbot, tmp_path, monkeypatch):
    arrived, go_on, gone = threading.Event(), threading.Event(), threading.Event()
    steps = sample_dialog.make_sample

    def slow(sample, folder):
        try:
            for step in steps(sample, folder):
                yield step
                arrived.set()
                go_on.wait()
        finally:
            gone.set()

    monkeypatch.setattr(sample_dialog, "make_sample", slow)
    click(qtbot, dialog.download_button)
    qtbot.waitUntil(arrived.is_set, timeout=PATIENCE)
    assert dialog.progress.isVisible()
    click(qtbot, dialog.cancel_button)
    go_on.set()
    qtbot.waitUntil(gone.is_set, timeout=PATIENCE)
    assert not (tmp_path / "hippocampus-study").exists()


def test_without_a_network_the_dialog_says_so_and_stays(dialog, sample_server, qtbot):
    sample_server.files.clear()
    click(qtbot, dialog.download_button)
    qtbot.waitUntil(dialog.download_button.isEnabled, timeout=PATIENCE)
    assert "cannot be downloaded" in dialog.status.text()
    assert dialog.isVisible()
