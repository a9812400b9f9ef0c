"""The preset ``auto`` tries two presets, and keeps one."""

from functools import partial

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.unfinished import unfinished_training
from napari_mcwss.training.config import AUTO_MINUTES, TrainingConfig, training_config
from napari_mcwss.training.events import Advice, Batch, Epoch, Finished, Message, Started
from napari_mcwss.training.features import auto, pilot, stage
from napari_mcwss.training.features.choice import Choice
from napari_mcwss.training.features.fit import fit_heads
from napari_mcwss.training.features.pilot import hold_back
from napari_mcwss.training.loop import resume, train
from napari_mcwss.training.run import Run

CONFIG = TrainingConfig(preset="auto", pixel=4.0, epochs=2, width=2, batch_size=8, device="cpu")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch) -> None:
    """Fit heads in few steps: the tests are about what is around them."""
    quick = partial(fit_heads, region_steps=6, detail_steps=2)
    monkeypatch.setattr(stage, "fit_heads", quick)


@pytest.fixture
def chosen(monkeypatch):
    """Decide what is taken."""

    def decide(*, smaller: bool) -> None:
        choice = Choice(smaller, f"auto chose {'local' if smaller else 'features'}, because")
        monkeypatch.setattr(auto, "choose", lambda *_: choice)

    return decide


def test_the_features_stay_if_they_are_better(tagged_study: Study, chosen):
    chosen(smaller=False)
    events = list(train(tagged_study, "m", CONFIG))
    assert next(event for event in events if isinstance(event, Started)).epochs is None
    assert len([event for event in events if isinstance(event, Epoch)]) == 1
    told = [event.text for event in events if isinstance(event, Advice)]
    assert "auto chose features, because" in told
    assert isinstance(events[-1], Finished)
    info = read_info(tagged_study.model_folder("m"))
    assert (info.preset, info.choice) == ("features", "auto chose features, because")
    load_model(tagged_study.model_folder("m"), device="cpu")


def test_the_smaller_reach_is_trained_on_all_scans_if_it_is_as_good(tagged_study: Study, chosen):
    chosen(smaller=True)
    events = list(train(tagged_study, "m", CONFIG))
    assert [event.epoch for event in events if isinstance(event, Epoch)] == [1, 2, 3]
    batches = [event for event in events if isinstance(event, Batch)]
    progress = [event.progress for event in batches]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    first = [event.epoch == 1 for event in batches]
    assert [event.seconds_left is None for event in batches] == first, "a stage may follow"
    info = read_info(tagged_study.model_folder("m"))
    assert (info.preset, info.choice) == ("local", "auto chose local, because")
    assert info.scans == tagged_study.scan_names
    load_model(tagged_study.model_folder("m"), device="cpu")


def test_both_are_judged_by_the_same_held_back_slices(tagged_study: Study, monkeypatch):
    seen = []

    def choose(larger, smaller, presets):
        seen.append((larger, smaller, presets))
        return Choice(False, "features")

    monkeypatch.setattr(auto, "choose", choose)
    monkeypatch.setattr(pilot, "FEWEST_JUDGED", 2)
    list(train(tagged_study, "m", CONFIG))
    ((larger, smaller, presets),) = seen
    assert presets == ("features", "local")
    assert set(larger) == set(smaller)
    assert larger
    assert all(0 <= auc <= 1 for auc in (*larger.values(), *smaller.values()))


def test_too_few_slices_do_not_decide(tagged_study: Study, monkeypatch):
    monkeypatch.setattr(pilot, "FEWEST_JUDGED", 1000)
    list(train(tagged_study, "m", CONFIG))
    info = read_info(tagged_study.model_folder("m"))
    assert info.preset == "features"
    assert "too few slices" in info.choice


def test_one_scan_in_four_is_held_back_but_never_the_only_one():
    values = np.array([[0], [1]], np.int8)
    for count, held in ((1, 0), (2, 1), (4, 1), (8, 2), (10, 2)):
        split = hold_back({f"s{k}": values for k in range(count)}, CONFIG)
        assert len(split.validation) == held
        assert len(split.training) == count - held


def test_with_one_scan_there_is_no_pilot(tagged_study: Study):
    events = list(train(tagged_study, "m", CONFIG, scans=tagged_study.scan_names[:1]))
    told = [event.text for event in events if isinstance(event, Message | Advice)]
    assert not any("trying" in text for text in told)
    assert any("too few slices of held-back scans" in text for text in told)
    assert read_info(tagged_study.model_folder("m")).preset == "features"


def test_a_pilot_that_is_stopped_leaves_the_features_and_is_resumed(tagged_study: Study, chosen):
    chosen(smaller=True)
    events = train(tagged_study, "m", CONFIG)
    next(event for event in events if isinstance(event, Message) and "trying" in event.text)
    events.close()
    assert read_info(tagged_study.model_folder("m")).preset == "features"
    assert unfinished_training(tagged_study, "m") is not None
    told = [event.text for event in resume(tagged_study, "m") if isinstance(event, Message)]
    assert not any("encoding" in text for text in told)
    assert any("trying local" in text for text in told)
    assert read_info(tagged_study.model_folder("m")).preset == "local"


def test_the_choice_is_not_made_again_on_resuming(tagged_study: Study, chosen):
    chosen(smaller=True)
    events = train(tagged_study, "m", CONFIG)
    next(event for event in events if isinstance(event, Epoch) and event.epoch == 2)
    events.close()
    assert read_info(tagged_study.model_folder("m")).preset == "features"
    told = [event.text for event in resume(tagged_study, "m") if isinstance(event, Message)]
    assert not any("trying" in text or "encoding" in text for text in told)
    info = read_info(tagged_study.model_folder("m"))
    assert (info.preset, info.choice) == ("local", "auto chose local, because")


@pytest.mark.parametrize(("given", "minutes"), [({}, AUTO_MINUTES), ({"epochs": 1}, None)])
def test_a_preset_that_was_not_asked_for_has_few_minutes(
    tagged_study: Study, monkeypatch, chosen, given, minutes
):
    chosen(smaller=True)
    seen = []
    begin = Run.__init__

    def watched(self, preset, config, *rest):
        seen.append(config.minutes)
        begin(self, preset, config.model_copy(update={"epochs": 1}), *rest)

    monkeypatch.setattr(Run, "__init__", watched)
    settings = CONFIG.model_dump() | {"epochs": None} | given
    list(train(tagged_study, "m", training_config(**settings)))
    assert seen[1:] == [minutes]


def test_classes_that_cannot_be_predicted_are_told_with_the_model(
    tagged_study: Study, chosen, monkeypatch
):
    chosen(smaller=False)
    monkeypatch.setattr(auto, "unpredictable", lambda *_: ("TC",))
    events = list(train(tagged_study, "m", CONFIG))
    told = [event.text for event in events if isinstance(event, Advice)]
    assert any("the tags of TC cannot be predicted" in text for text in told)
    info = read_info(tagged_study.model_folder("m"))
    assert info.unpredictable == ("TC",)
    with pytest.warns(UserWarning, match="its map means nothing"):
        load_model(tagged_study.model_folder("m"), device="cpu")


def test_if_all_masks_are_trusted_there_is_only_the_second_stage(tagged_study: Study):
    trusted = {
        scan: np.ones(tagged_study.scan(scan).geometry.shape, np.uint8)
        for scan in tagged_study.scan_names
    }
    config = CONFIG.model_copy(update={"refine": True})
    events = list(train(tagged_study, "m", config, trusted=trusted))
    assert next(event for event in events if isinstance(event, Started)).epochs == 2
    info = read_info(tagged_study.model_folder("m"))
    assert (info.preset, info.choice) == ("refined", "")


@pytest.mark.parametrize("smaller", [True, False])
def test_a_second_stage_follows(tagged_study: Study, chosen, smaller):
    chosen(smaller=smaller)
    config = CONFIG.model_copy(update={"refine": True, "epochs": 1})
    list(train(tagged_study, "m", config))
    info = read_info(tagged_study.model_folder("m"))
    assert (info.preset, bool(info.choice)) == ("refined", True)


def test_a_model_cannot_have_a_preset_that_only_chooses(tagged_study: Study, chosen):
    chosen(smaller=False)
    list(train(tagged_study, "m", CONFIG))
    path = tagged_study.model_folder("m") / "config.json"
    path.write_text(path.read_text().replace('"preset": "features"', '"preset": "auto"'))
    with pytest.raises(McwssError, match="unknown preset"):
        read_info(path.parent)


def test_the_smaller_reach_reads_coarser_pixels_unless_the_user_says_otherwise(
    tagged_study: Study, chosen, monkeypatch
):
    monkeypatch.setattr("napari_mcwss.training.data.pixels.QUICK_PIXEL", 5.0)
    chosen(smaller=True)
    for pixel, read in ((None, 5.0), (4.0, 4.0)):
        config = CONFIG.model_copy(update={"pixel": pixel, "epochs": 1})
        list(train(tagged_study, f"m-{read:g}", config))
        assert read_info(tagged_study.model_folder(f"m-{read:g}")).pixel == read


def test_a_pilot_has_as_many_epochs_on_a_slow_machine(tagged_study: Study, chosen, monkeypatch):
    chosen(smaller=False)
    monkeypatch.setattr(pilot, "PILOT_DRAWS", 100)
    seen = []
    over = Run.over

    def watched(self, epochs):
        seen.append((self.config.epochs, self.config.minutes))
        return over(self, epochs)

    monkeypatch.setattr(Run, "over", watched)
    list(train(tagged_study, "m", CONFIG.model_copy(update={"epochs": None})))
    assert set(seen) == {(5, pilot.PILOT_MINUTES)}  # of 20 to 24 slices
