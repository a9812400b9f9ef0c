"""Scalars for TensorBoard, where it is installed."""

import sys
from collections.abc import Generator
from types import ModuleType

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.study import Study
from napari_mcwss.training.events import Batch, Epoch, Event, Message
from napari_mcwss.training.tensorboard import logged


class Writer:
    """Stands in for TensorBoard's."""

    scalars: dict[str, list[tuple[int, float]]]
    closed = False

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.scalars = {}
        WRITERS.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.setdefault(name, []).append((step, value))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


WRITERS: list[Writer] = []


@pytest.fixture
def writer(monkeypatch) -> list[Writer]:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, module.__name__, module)
    WRITERS.clear()
    return WRITERS


def training(ended: list[bool]) -> Generator[Event, None, None]:
    try:
        yield Message("reading")
        for epoch in (1, 2):
            for batch in (1, 2):
                yield Batch(epoch, batch, 2, {"total": epoch + batch}, 0.5, 1.0)
            yield Epoch(epoch, {"total": 1.0 / epoch}, {"TC": 0.6})
    finally:
        ended.append(True)


def test_losses_and_areas_become_scalars(writer, tmp_path):
    events = list(logged(training([]), tmp_path))
    assert events == list(training([]))
    assert writer[0].folder == str(tmp_path)
    assert writer[0].scalars == {
        "batch/loss/total": [(1, 2), (2, 3), (3, 3), (4, 4)],
        "epoch/loss/total": [(1, 1.0), (2, 0.5)],
        "epoch/auc/TC": [(1, 0.6), (2, 0.6)],
    }
    assert writer[0].closed


def test_tensorboard_reads_them_back(tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    list(logged(training([]), tmp_path))
    found = reading.EventAccumulator(str(tmp_path))
    found.Reload()
    scalars = {
        name: [(scalar.step, pytest.approx(scalar.value)) for scalar in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }
    assert scalars == {
        "batch/loss/total": [(1, 2), (2, 3), (3, 3), (4, 4)],
        "epoch/loss/total": [(1, 1.0), (2, 0.5)],
        "epoch/auc/TC": [(1, 0.6), (2, 0.6)],
    }


def test_a_file_in_the_place_of_the_folder_is_told_before_anything_is_trained(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "file").touch()
    ended: list[bool] = []
    with pytest.raises(McwssError, match="cannot write"):
        list(logged(training(ended), tmp_path / "file"))
    assert not ended, "it has not even begun"


def test_a_training_that_is_stopped_is_closed_with_its_scalars(writer, tmp_path):
    ended: list[bool] = []
    events = logged(training(ended), tmp_path)
    next(events)
    events.close()
    assert ended
    assert writer[0].closed


def test_without_tensorboard_one_line_says_what_to_do(
    refused, tagged_study: Study, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    options = ("--model", "m", "--tensorboard", tmp_path)
    told = refused("train", tagged_study.folder, *options)
    assert "TensorBoard is not installed: run 'pip install tensorboard'" in told
    assert not (tagged_study.folder / "models").exists()
