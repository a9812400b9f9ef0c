"""What a training would take is measured before it begins."""

from collections.abc import Generator
from itertools import count
from types import SimpleNamespace
from typing import TypeVar

import numpy as np
import platformdirs
import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans import digest
from napari_mcwss.study.study import Study
from napari_mcwss.training import estimate as estimates
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data import split
from napari_mcwss.training.data.training_data import Task
from napari_mcwss.training.estimate import Estimate, Part, estimate
from napari_mcwss.training.features import estimate as fitting
from napari_mcwss.training.features.fit import DETAIL_STEPS, REGION_STEPS
from napari_mcwss.training.loop import train
from napari_mcwss.training.memory import saved_memory

T = TypeVar("T")

TINY = TrainingConfig(preset="local", width=2, epochs=3, batch_size=8, pixel=4, device="cpu")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch) -> None:
    monkeypatch.setattr(estimates, "STEPS", 1)


def value(steps: Generator[object, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def free(monkeypatch, size: int, device: str = "cpu") -> None:
    monkeypatch.setattr(estimates, "available_memory", lambda _: size)
    if device != "cpu":
        where = type("Device", (), {"type": device, "__str__": lambda self: device})()
        monkeypatch.setattr(estimates, "choose_device", lambda _: where)
        monkeypatch.setattr(estimates, "Run", lambda p, c, _: RUN(p, c, torch.device("cpu")))


RUN = estimates.Run


def test_it_tells_time_and_memory_and_leaves_nothing(tagged_study: Study, monkeypatch):
    free(monkeypatch, 2**30)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    found = value(estimate(tagged_study, TINY))
    assert torch.equal(torch.rand(3), expected)
    assert (found.scans, found.slices, found.epochs, found.batch_size) == (4, 36, 3, 8)
    assert found.seconds >= 3 * found.epoch_seconds > 0
    assert not found.advice
    assert found.slice_memory > 0
    assert not (tagged_study.folder / "models").exists()
    text = found.text
    assert "36 tagged slices of 4 scans, on cpu" in text
    assert "for 3 epochs" in text


@pytest.mark.parametrize(
    ("settings", "epochs"),
    [
        ({"refine": True}, 6),
        ({"patience": 5}, 3 + 2 * 5),
        ({"preset": "mcwss", "patience": 5}, 3 + 5),
    ],
)
def test_both_stages_and_what_patience_takes_at_least_count(tagged_study: Study, settings, epochs):
    found = value(estimate(tagged_study, TINY.model_copy(update=settings)))
    assert found.epochs == epochs
    assert found.open_ended == ("patience" in settings)


def test_an_epoch_is_as_long_as_its_steps_and_its_validation(tagged_study: Study, monkeypatch):
    ticks = SimpleNamespace(monotonic=count().__next__)  # each step takes a second
    monkeypatch.setattr(estimates, "time", ticks)
    found = value(estimate(tagged_study, TINY))
    assert found.epoch_seconds == pytest.approx(5), "36 slices, 8 a step"
    monkeypatch.setattr(split, "MIN_SCANS_TO_VALIDATE", 2)
    config = TINY.model_copy(update={"validation_share": 0.5})
    found = value(estimate(tagged_study, config))
    # 18 slices are held back; those of a scan, up to 9 with foreground, take two steps.
    assert 3 + 18 * 2 / 9 <= found.epoch_seconds <= 3 + 18 * 2 / 5
    assert found.seconds >= 3 * found.epoch_seconds + 4, "all four scans are read"


def test_minutes_are_told_in_epochs(tagged_study: Study):
    config = TINY.model_copy(update={"epochs": None, "minutes": 1.0})
    found = value(estimate(tagged_study, config))
    assert found.epochs == pytest.approx(60 / found.epoch_seconds, abs=1)


def test_a_computer_without_room_gives_advice_instead_of_a_time(tagged_study: Study, monkeypatch):
    free(monkeypatch, 10_000)
    found = value(estimate(tagged_study, TINY))
    assert found.batch_size == 8
    assert "8 slices need about 0.0 GiB, 0.0 are free: train with pixels of 8 mm" in found.advice
    assert "It does not fit: steps of 8" in found.text


def test_a_gpu_gets_as_many_slices_a_step_as_fit(tagged_study: Study, monkeypatch):
    whole = value(estimate(tagged_study, TINY))
    free(monkeypatch, whole.step_memory - 1, "cuda")
    found = value(estimate(tagged_study, TINY))
    assert found.batch_size == 4
    assert found.step_memory < whole.step_memory
    assert not found.advice
    free(monkeypatch, 1000, "cuda")
    assert "2 slices need" in value(estimate(tagged_study, TINY)).advice


def test_what_gradients_need_is_counted_once_and_weights_are_not():
    weight = torch.ones(10, requires_grad=True)
    with saved_memory([weight]) as saved:
        x = torch.ones(10) * weight  # keeps the ones
        (x * x).sum() + (x * x).sum()  # keeps x
    assert saved.bytes == 80


def test_the_command_says_it_and_trains_nothing(run, tagged_study: Study):
    options = ("--model", "m", "--preset", "local", "--width", 2, "--pixel", 4, "--epochs", 2)
    code, out, _ = run("train", tagged_study.folder, *options, "--dry-run")
    assert code == 0
    assert "36 tagged slices of 4 scans" in out
    assert "Memory: about" in out
    assert not (tagged_study.folder / "models").exists()


def test_tags_that_cannot_be_learnt_from_are_refused(tagged_study: Study):
    for name in tagged_study.scan_names:
        table = tagged_study.tags.read(name)
        table.values[:] = 1
        tagged_study.tags.write({name: table})
    with pytest.raises(McwssError, match="absent"):
        value(estimate(tagged_study, TINY))


@pytest.mark.parametrize("preset", ["features", "auto"])
def test_heads_on_features_are_measured_too(tagged_study: Study, preset):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    found = value(estimate(tagged_study, TINY.model_copy(update={"preset": preset})))
    assert torch.equal(torch.rand(3), expected)
    purposes = [part.purpose for part in found.parts]
    assert purposes[:3] == ["to read scans", "to encode slices", "to fit the heads of features"]
    trains = preset == "auto"
    assert ("to compare local with features" in purposes) == trains
    assert found.epochs == (3 if trains else 0)
    condition = "are needed only if it predicts tags as well as features does."
    assert (condition in found.text) == trains


def test_what_is_kept_takes_no_time(tagged_study: Study, tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(digest, "SETTLED", -1.0)
    config = TINY.model_copy(update={"preset": "features"})

    def seconds() -> dict[str, float]:
        parts = value(estimate(tagged_study, config)).parts
        return {part.purpose: part.seconds for part in parts}

    before = seconds()
    assert before["to read scans"] > 0
    assert before["to encode slices"] > 0
    list(train(tagged_study, "m", config))
    after = seconds()
    assert after["to read scans"] == after["to encode slices"] == 0
    name = tagged_study.scan_names[0]
    path = tagged_study.files(name)[0]
    path.write_bytes(path.read_bytes())  # as it was, but who knows
    one_of_four = seconds()
    assert one_of_four["to read scans"] > 0
    assert one_of_four["to encode slices"] > 0


def test_the_parts_that_are_told_add_up_to_the_whole():
    parts = (
        Part(20.4, "to read scans"),
        Part(99.5, "to encode slices", "features"),
        Part(0.2, "to fit the heads of features", "features"),
        Part(60.4, "to compare local with features", "local"),
        Part(150.4, "", "local", 20, "it predicts tags as well as features does"),
    )
    found = Estimate("cpu", 3, 36, parts, False, 8, 2**20, 2**20, 2**30)
    _, time, condition, _ = found.text.splitlines()
    assert time == (
        "About 5 min 30 s: 20 s to read scans, 1 min 40 s to encode slices, 1 min to compare "
        "local with features, 2 min 30 s for 20 epochs of local, 8 s each."
    )
    assert condition == (
        "The 2 min 30 s for local are needed only if it predicts tags as well as features does."
    )


def test_learning_from_masks_counts(tagged_study: Study):
    config = TINY.model_copy(update={"preset": "features"})
    shapes = {name: tagged_study.scan(name).geometry.shape for name in tagged_study.scan_names}
    masks = {name: np.ones(shape, np.uint8) for name, shape in shapes.items()}
    for given in ({}, dict([*masks.items()][:1]), masks):
        found = value(estimate(tagged_study, config, trusted=given))
        purpose = "to fit the heads of features" + (" to tags and masks" if given else "")
        assert [part.purpose for part in found.parts if part.stage][1:] == [purpose]


@pytest.mark.parametrize(("rounds", "kinds"), [(0, ["details"]), (1, ["masks"]), (2, ["masks"])])
def test_all_kinds_of_steps_of_a_fit_are_counted(tagged_study: Study, monkeypatch, rounds, kinds):
    seconds = {"regions": 1.0, "details": 10.0, "masks": 100.0, "": 0.0}
    clock = [0.0]
    fit = fitting.fit_heads

    def timed(*args: object, **settings: object) -> Generator:
        for step in fit(*args, **settings):
            clock[0] += seconds[next(iter(step.losses), "")]
            yield step

    monkeypatch.setattr(fitting, "fit_heads", timed)
    monkeypatch.setattr(fitting, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    config = TINY.model_copy(update={"preset": "features"})
    names = tagged_study.scan_names
    given = {
        name: np.ones(tagged_study.scan(name).geometry.shape, np.uint8)
        for name in (names if rounds == 1 else names[:rounds])
    }
    given = given if rounds == 1 else dict([*given.items()][: rounds // 2])
    found = value(estimate(tagged_study, config, trusted=given))
    (part,) = (part for part in found.parts if "heads" in part.purpose)
    assert part.seconds == REGION_STEPS + seconds[kinds[0]] * DETAIL_STEPS * max(1, rounds)


def test_what_takes_time_beside_the_minutes_is_said_before(tagged_study: Study):
    def said(**settings: object) -> list[str]:
        config = TINY.model_copy(update={"epochs": None, "minutes": 10.0, **settings})
        return Task.of(tagged_study, config, None, {}).beside_minutes(config)

    (text,) = said(preset="auto")
    assert text == (
        "a length of 10 minutes applies to local only: features, with its comparison with local, "
        "takes more time before it"
    )
    assert said(preset="features", refine=True) == [
        "a length of 10 minutes applies to refined only: features takes more time before it"
    ]
    assert said(preset="features") == [
        "a length of 10 minutes has no effect: features takes as long as it needs"
    ]
    (text,) = said(preset="features", minutes=1.0)
    assert text.startswith("a length of 1 minute has")
    assert said() == []
    assert said(preset="auto", minutes=None) == []
