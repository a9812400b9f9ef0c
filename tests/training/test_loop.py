"""A training run as its driver sees it, and what it leaves on disk."""

import csv
import itertools

import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.model.presets.local import REGION_PHASE
from napari_mcwss.study.study import Study
from napari_mcwss.training import clock as clocks
from napari_mcwss.training import stages
from napari_mcwss.training.config import TrainingConfig, training_config
from napari_mcwss.training.events import (
    Advice,
    Batch,
    Checkpoint,
    Epoch,
    Finished,
    Message,
    Started,
)
from napari_mcwss.training.loop import resume, train
from napari_mcwss.training.run import Run

TINY = TrainingConfig(preset="local", width=2, epochs=2, batch_size=8, device="cpu")


def weights(study: Study, name: str) -> dict[str, torch.Tensor]:
    return load_model(study.model_folder(name), device="cpu").preset.state_dict()


def test_a_run_tells_its_story_in_order(tagged_study: Study):
    events = list(train(tagged_study, "m", TINY))
    kinds = [kind for kind, _ in itertools.groupby(map(type, events)) if kind is not Advice]
    epoch = [Batch, Epoch, Checkpoint]
    assert kinds == [Message, Started, *epoch, *epoch, Finished]
    progress = [event.progress for event in events if isinstance(event, Batch)]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    batch = next(event for event in events if isinstance(event, Batch))
    parts = {name: value for name, value in batch.losses.items() if name != "total"}
    assert sum(parts.values()) == pytest.approx(batch.losses["total"], rel=1e-4)


@pytest.mark.parametrize("preset", ["local", "mcwss", "published"])
def test_a_run_leaves_a_model_that_can_be_loaded(tagged_study: Study, preset):
    config, scans = TINY.model_copy(update={"preset": preset, "epochs": 1}), ("phantom02",)
    list(train(tagged_study, "m", config, scans=scans))
    info = load_model(tagged_study.model_folder("m"), device="cpu").info
    assert info.preset == preset
    assert info.classes == tagged_study.class_names
    assert info.channels == tagged_study.channels
    assert info.scans == scans
    assert info.precedence[0][1], "the core is found only where oedema is"
    with (tagged_study.model_folder("m") / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1"]
    assert tagged_study.model_names() == ["m"]


def test_the_same_seed_gives_the_same_weights(tagged_study: Study):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        list(train(tagged_study, name, TINY.model_copy(update={"seed": seed})))
    a, b, c = (weights(tagged_study, name) for name in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


def test_training_leaves_the_callers_random_numbers_alone(tagged_study: Study):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    list(train(tagged_study, "m", TINY))
    assert torch.equal(torch.rand(3), expected)


def test_a_model_is_saved_whatever_its_score(tagged_study: Study, monkeypatch):
    monkeypatch.setattr(stages, "evaluate_tags", lambda *_: {"TC": 0.0, "ED": 0.0})
    list(train(tagged_study, "m", TINY))
    assert read_info(tagged_study.model_folder("m")).epochs == 2


@pytest.mark.parametrize(("preset", "kept"), [("mcwss", 2), ("local", 3)])
def test_the_best_epoch_by_held_back_tags_is_kept_unless_stages_build_on_each_other(
    tagged_study: Study, monkeypatch, preset, kept
):
    scores = iter([0.6, 0.9, 0.5])
    monkeypatch.setattr(stages, "evaluate_tags", lambda *_: {"TC": next(scores)})
    list(train(tagged_study, "m", TINY.model_copy(update={"epochs": 3, "preset": preset})))
    assert read_info(tagged_study.model_folder("m")).epochs == kept


def test_a_run_in_stages_tells_the_losses_of_each(tagged_study: Study):
    events = list(train(tagged_study, "m", TINY.model_copy(update={"epochs": 5})))
    epochs = [set(event.losses) for event in events if isinstance(event, Epoch)]
    assert epochs[0] == {"classification", "extent", "total"}
    assert epochs[-1] == {"contrast", "total"}
    with (tagged_study.model_folder("m") / "history.csv").open(newline="") as file:
        first, *_, last = csv.DictReader(file)
    assert (first["contrast"], last["extent"]) == ("", "")


def test_a_step_has_the_losses_of_its_own_stage_alone(tagged_study: Study):
    # A single epoch crosses from one stage into the other.
    events = list(train(tagged_study, "m", TINY.model_copy(update={"epochs": 1})))
    terms = [frozenset(event.losses) for event in events if isinstance(event, Batch)]
    assert set(terms) == {
        frozenset({"classification", "extent", "total"}),
        frozenset({"contrast", "total"}),
    }


def test_validation_gives_an_area_per_class(tagged_study: Study, monkeypatch):
    monkeypatch.setattr("napari_mcwss.training.data.split.MIN_SCANS_TO_VALIDATE", 2)
    events = list(train(tagged_study, "m", TINY))
    started = next(event for event in events if isinstance(event, Started))
    epoch = next(event for event in events if isinstance(event, Epoch))
    assert len(started.validation_scans) == 1
    assert not set(started.scans) & set(started.validation_scans)
    assert set(epoch.validation) == {"TC", "ED"}
    assert all(0 <= area <= 1 for area in epoch.validation.values())


def test_a_stopped_run_keeps_its_model_under_its_name(tagged_study: Study):
    events = train(tagged_study, "m", TINY)
    next(event for event in events if isinstance(event, Batch))
    events.close()
    assert weights(tagged_study, "m")
    hidden = [path.name for path in (tagged_study.folder / "models").glob(".*")]
    assert hidden == [".m.training"]


def test_a_run_stopped_too_early_says_which_classes_it_cannot_tell_apart(tagged_study: Study):
    events = train(tagged_study, "m", TINY)
    next(event for event in events if isinstance(event, Epoch))
    with pytest.warns(UserWarning, match="stopped before it had learnt to tell TC from ED"):
        events.close()
    with pytest.warns(UserWarning, match="model m: the training was stopped"):
        load_model(tagged_study.model_folder("m"), device="cpu")
    list(resume(tagged_study, "m"))
    assert not load_model(tagged_study.model_folder("m"), device="cpu").info.shortcoming


def test_a_stopped_run_leaves_the_old_model_in_place(tagged_study: Study):
    list(train(tagged_study, "m", TINY))
    before = weights(tagged_study, "m")
    events = train(tagged_study, "m", TINY.model_copy(update={"seed": 5}))
    next(event for event in events if isinstance(event, Epoch))
    events.close()
    after = weights(tagged_study, "m")
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert tagged_study.model_names() == ["m", "m-stopped"]


def test_a_failing_run_leaves_the_old_model_in_place(tagged_study: Study, monkeypatch):
    list(train(tagged_study, "m", TINY))
    before = weights(tagged_study, "m")

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(stages, "evaluate_tags", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        list(train(tagged_study, "m", TINY))
    after = weights(tagged_study, "m")
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_minutes_end_a_run_in_the_middle_of_an_epoch(tagged_study: Study, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(clocks.time, "monotonic", lambda: float(next(clock)))
    config = TrainingConfig(preset="local", width=2, minutes=0.1, batch_size=2, device="cpu")
    events = list(train(tagged_study, "m", config))
    batches = [event for event in events if isinstance(event, Batch)]
    assert batches[-1].progress == 1
    assert batches[-1].seconds_left == 0
    assert batches[-1].batch < batches[-1].batches
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(("slices", "epochs"), [(10_000, 20), (100, 100), (101, 100)])
def test_a_run_of_open_length_draws_enough_however_few_the_slices(slices, epochs):
    assert TrainingConfig().with_length(slices).epochs == epochs
    assert TrainingConfig(epochs=3).with_length(slices).epochs == 3
    assert TrainingConfig(minutes=3).with_length(slices).epochs is None


def test_a_batch_belongs_to_the_stage_that_it_falls_into(tagged_study: Study, monkeypatch):
    stages = []
    draw = Run._draw

    def watched(self, data, shuffled, progress):
        drawn = draw(self, data, shuffled, progress)
        together = (data.tags[drawn.slices, 1] == 1).all()
        stages.append((progress >= REGION_PHASE, bool(together)))
        return drawn

    monkeypatch.setattr(Run, "_draw", watched)
    # A single epoch crosses from one stage into the other.
    list(train(tagged_study, "m", TINY.model_copy(update={"epochs": 1, "preset": "local"})))
    assert {contrast for contrast, _ in stages} == {False, True}
    assert all(together for contrast, together in stages if contrast)
    assert not all(together for contrast, together in stages if not contrast)


def test_no_mask_can_reach_training(tagged_study: Study):
    truth = list(tagged_study.folder.parent.rglob("seg.nii.gz"))
    assert truth
    for path in truth:
        path.unlink()
    assert isinstance(list(train(tagged_study, "m", TINY))[-1], Finished)


def test_one_class_and_one_channel_are_enough(tagged_study: Study, tmp_path):
    name = tagged_study.scan_names[0]
    study = Study.create(
        tmp_path / "small",
        scans={name: tagged_study.files(name)[:1]},
        channels=tagged_study.channels[:1],
        classes=["TC"],
    )
    table = study.tags.read(name)
    table.values[:, 0] = tagged_study.tags.read(name).values[:, 0]
    study.tags.write({name: table})
    list(train(study, "m", TINY))
    assert weights(study, "m")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs = 0"),
        ({"minutes": -1}, "minutes = -1"),
        ({"preset": "best"}, "preset = 'best'"),
        ({"batch_size": 3}, "batch_size = 3"),
    ],
)
def test_a_setting_out_of_range_is_named(setting, message):
    with pytest.raises(McwssError, match=message):
        training_config(**setting)


def test_a_device_that_is_not_there_is_named(tagged_study: Study):
    with pytest.raises(McwssError, match="device 'cuda:99' cannot be used"):
        list(train(tagged_study, "m", TINY.model_copy(update={"device": "cuda:99"})))


def test_published_needs_slices_on_which_every_class_is_tagged(tagged_study: Study):
    for index, name in enumerate(tagged_study.scan_names):
        table = tagged_study.tags.read(name)
        table.values[:, index % 2] = -1
        tagged_study.tags.write({name: table})
    with pytest.raises(McwssError, match="a tag of every class"):
        list(train(tagged_study, "m", TINY.model_copy(update={"preset": "published"})))
    assert isinstance(list(train(tagged_study, "m", TINY))[-1], Finished)
