"""Where to train: what the box of devices offers, and what choosing it means."""

import pytest
import torch
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_mcwss.plugin.training.settings import TrainingSettings

pytestmark = pytest.mark.gui
PATIENCE = 30_000


@pytest.fixture
def settings(qtbot) -> TrainingSettings:
    settings = TrainingSettings()
    qtbot.addWidget(settings)
    settings.show()
    qtbot.waitExposed(settings)
    return settings


def gpus(monkeypatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100")


def opened(qtbot, settings: TrainingSettings) -> list[str]:
    """Open the list by a click, and give its lines once it is complete."""
    box = settings.device
    with qtbot.waitSignal(box.found, timeout=PATIENCE):
        qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    return [box.itemText(index) for index in range(box.count())]


def choose_last(settings: TrainingSettings) -> None:
    view = settings.device.view()
    QTest.keyClick(view, Qt.Key.Key_End)
    QTest.keyClick(view, Qt.Key.Key_Return)


def test_gpus_have_their_names(qtbot, settings, monkeypatch):
    gpus(monkeypatch, 1)
    assert opened(qtbot, settings) == ["auto", "cpu", "NVIDIA H100 (cuda:0)"]
    assert settings.config.device == "auto"
    choose_last(settings)
    assert settings.config.device == "cuda:0"
    assert settings.device.ranks == 1
    assert settings.separate.isEnabled()
    assert not settings.separate.isChecked()


def test_all_gpus_take_processes_of_their_own(qtbot, settings, monkeypatch):
    gpus(monkeypatch, 4)
    assert opened(qtbot, settings)[-1] == "all 4 GPUs"
    choose_last(settings)
    assert settings.config.device == "cuda"
    assert settings.device.ranks == 4
    assert settings.separate.isChecked()
    assert not settings.separate.isEnabled()
    settings.device.setCurrentIndex(0)
    assert settings.device.ranks == 1
    assert settings.separate.isEnabled()


def test_why_there_is_no_gpu_stands_in_the_list(qtbot, settings, monkeypatch):
    gpus(monkeypatch, 0)
    monkeypatch.setattr(torch.version, "cuda", None)
    lines = opened(qtbot, settings)
    assert lines[:2] == ["auto", "cpu"]
    assert "is a CPU build" in lines[2]
    choose_last(settings)
    assert settings.device.currentText() == "auto", "a reason cannot be chosen"
