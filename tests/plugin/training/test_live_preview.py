"""Maps of the slice on screen while a network learns, and trainings that were left."""

from collections.abc import Iterator

import numpy as np
import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtCore import QPoint, Qt

from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.plugin.training.dock import TrainingDock
from napari_mcwss.training import preview
from napari_mcwss.training.checkpoints.unfinished import unfinished_training
from napari_mcwss.training.events import Epoch, Message, Preview

pytestmark = pytest.mark.gui
PATIENCE = 120_000
"""Milliseconds for what takes some seconds, on a busy machine too."""


@pytest.fixture
def dock(make_napari_viewer, tagged_study) -> Iterator[TrainingDock]:
    """A dock on a study with a scan on screen, set to train for long."""
    viewer = make_napari_viewer(show=True)
    dock = TrainingDock(viewer)
    viewer.window.add_dock_widget(dock, name="Training")
    dock.session.open(tagged_study)
    dock.session.show(tagged_study.scan_names[0])
    dock.settings.length.setValue(10_000)
    dock.settings.fields["preset"].value = "local"
    dock.settings.fields["width"].value = 2
    dock.settings.fields["pixel"].value = 4
    dock.settings.device.setCurrentText("cpu")
    yield dock
    dock.background.cancel()
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def always(monkeypatch):
    """Previews as often as possible."""
    monkeypatch.setattr(preview, "INTERVAL", 0.0)
    monkeypatch.setattr(preview, "SHARE", float("inf"))


def click(qtbot, button) -> None:
    assert button.isEnabled()
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def switch_maps_on(qtbot, dock) -> None:
    box = dock.live_maps.box
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    assert box.isChecked()


def wait_for(qtbot, dock, kind, check=lambda _: True):
    return qtbot.waitSignal(
        dock.event_received,
        timeout=PATIENCE,
        check_params_cb=lambda event: isinstance(event, kind) and check(event),
    )


def cancel(qtbot, dock) -> None:
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE):
        click(qtbot, dock.cancel_button)


def maps(dock) -> list:
    return study_layers(dock.session.viewer, "preview")


def test_maps_follow_the_slice_on_screen(qtbot, dock, always):
    switch_maps_on(qtbot, dock)
    first = dock.session.slice_index
    with wait_for(qtbot, dock, Preview):
        click(qtbot, dock.train_button)
    layers = maps(dock)
    assert [layer.name for layer in layers] == ["TC, learning", "ED, learning"]
    with wait_for(qtbot, dock, Preview, lambda event: event.slice_index == first - 1):
        dock.session.go_to(first - 1)
    shape = dock.session.study.scan(dock.session.scan).geometry.shape
    for layer in layers:
        assert layer.visible
        assert layer.data.shape == shape
        assert layer.data[first - 1].any()
    assert maps(dock) == layers
    cancel(qtbot, dock)
    assert not any(layer.visible for layer in layers)
    qtbot.waitUntil(lambda: not maps(dock), timeout=PATIENCE)


def test_without_the_box_there_are_no_maps(qtbot, dock, always):
    shown = []
    dock.event_received.connect(lambda event: shown.append(event))
    with wait_for(qtbot, dock, Epoch, lambda event: event.epoch == 3):
        click(qtbot, dock.train_button)
    assert not any(isinstance(event, Preview) for event in shown)
    assert not maps(dock)


def test_a_map_of_a_scan_that_is_gone_is_not_shown(qtbot, dock):
    switch_maps_on(qtbot, dock)
    away = dock.session.study.scan_names[1]
    dock.live_maps.show_preview(Preview(away, 0, np.zeros((2, 5, 5), np.uint8)))
    assert not maps(dock)


def test_a_training_that_was_left_is_gone_on_with(qtbot, dock):
    assert not dock.restart_button.isVisible()
    with wait_for(qtbot, dock, Epoch, lambda event: event.epoch == 2):
        click(qtbot, dock.train_button)
    cancel(qtbot, dock)
    study, name = dock.session.study, dock.settings.model
    left = unfinished_training(study, name)
    assert left is not None
    assert dock.train_button.text() == f"Continue {name}"
    assert left.position in dock.train_button.toolTip()
    with wait_for(qtbot, dock, Message, lambda event: "continuing" in event.text):
        click(qtbot, dock.train_button)
    with wait_for(qtbot, dock, Epoch):
        pass
    cancel(qtbot, dock)
    again = unfinished_training(study, name)
    assert (again.epoch, again.batch) > (left.epoch, left.batch)


def test_a_training_that_was_left_can_be_begun_anew(qtbot, dock):
    with wait_for(qtbot, dock, Epoch, lambda event: event.epoch == 2):
        click(qtbot, dock.train_button)
    cancel(qtbot, dock)
    name = dock.settings.model
    dock.settings.length.setValue(1)
    with qtbot.waitSignal(dock.ended, timeout=PATIENCE) as ended:
        click(qtbot, dock.restart_button)
    assert ended.args[0].error is None
    study = dock.session.study
    assert unfinished_training(study, name) is None
    assert read_info(study.model_folder(name)).epochs == 1
    assert not dock.restart_button.isVisible()
