"""A training in two stages, and what the first teaches the second."""

import numpy as np
import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.segmentation.prediction.predict import Prediction, predict
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import TagTable
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data import pseudo_labels
from napari_mcwss.training.data.pseudo_labels import GOOD_ENOUGH, label_agreement
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.events import (
    Advice,
    Batch,
    Checkpoint,
    Epoch,
    Finished,
    Message,
    Started,
)
from napari_mcwss.training.loop import train
from napari_mcwss.training.run import Run

DATA = "napari_mcwss.training.data.training_data"

TINY = TrainingConfig(preset="local", width=2, epochs=2, batch_size=8, device="cpu", refine=True)


def blocks(study: Study, *scans: str) -> dict[str, np.ndarray]:
    """Label images with a block of each class."""
    labels = {scan: np.zeros(study.scan(scan).geometry.shape, np.uint8) for scan in scans}
    for image in labels.values():
        image[:, 10:20, 10:20], image[:, 22:30, 12:25] = 1, 2
    return labels


def iter_with_value(generator):
    """Everything that a generator yields, and at last what it returns."""
    value = yield from generator
    yield value


def watched_data(monkeypatch) -> list[SliceDataset]:
    """What each epoch learns from."""
    seen: list[SliceDataset] = []
    epoch = Run.epoch

    def watched(self, data, number):
        seen.append(data)
        return epoch(self, data, number)

    monkeypatch.setattr(Run, "epoch", watched)
    return seen


def test_tags_are_hard_constraints_of_labels(tagged_study: Study, monkeypatch):
    def everywhere(_teacher, scan, **_):
        yield
        shape = scan.geometry.shape
        return Prediction(
            scan.name,
            ("TC", "ED"),
            np.ones((shape[0], 2), np.float32),
            np.full((2, *shape), 0.9, np.float32),
        )

    monkeypatch.setattr(pseudo_labels, "predict", everywhere)
    list(train(tagged_study, "m", TINY))
    teacher = load_model(tagged_study.model_folder("m"), device="cpu")
    scan = tagged_study.scan_names[0]
    *_, end = iter_with_value(pseudo_labels.label_scan(tagged_study, teacher, scan))
    tags = tagged_study.tags.read(scan).values
    for labels, (core, oedema) in zip(end, tags, strict=True):
        assert np.unique(labels).tolist() == [1 if core == 1 else 2 if oedema == 1 else 0]


def test_a_run_in_two_stages_ends_with_the_second(tagged_study: Study):
    events = list(train(tagged_study, "m", TINY))
    started = next(event for event in events if isinstance(event, Started))
    assert started.epochs == 4
    assert [event.epoch for event in events if isinstance(event, Epoch)] == [1, 2, 3, 4]
    progress = [event.progress for event in events if isinstance(event, Batch)]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    labelled = [e.text for e in events if isinstance(e, Message) and "labelling" in e.text]
    assert all(any(scan in text for text in labelled) for scan in started.scans)
    models = [e.epoch for e in events if isinstance(e, Checkpoint) and e.kind == "model"]
    assert models == [1, 2, 4]
    assert isinstance(events[-1], Finished)
    info = load_model(tagged_study.model_folder("m"), device="cpu").info
    assert (info.preset, info.epochs, info.trusted_scans) == ("refined", 4, ())


@pytest.mark.parametrize("preset", ["mcwss", "published"])
def test_any_first_stage_can_be_refined(tagged_study: Study, preset):
    config = TINY.model_copy(update={"preset": preset, "epochs": 1})
    list(train(tagged_study, "m", config, scans=tagged_study.scan_names[:1]))
    assert read_info(tagged_study.model_folder("m")).preset == "refined"


@pytest.mark.parametrize("kind", [Message, Batch])
def test_a_second_stage_that_is_stopped_leaves_the_first(tagged_study: Study, kind):
    events = train(tagged_study, "m", TINY)
    next(e for e in events if isinstance(e, Epoch) and e.epoch == 2)
    next(e for e in events if isinstance(e, kind))
    events.close()
    info = load_model(tagged_study.model_folder("m"), device="cpu").info
    assert (info.preset, info.epochs) == ("local", 2)


def test_trusted_labels_are_taken_as_they_are(tagged_study: Study, monkeypatch):
    seen = watched_data(monkeypatch)
    monkeypatch.setattr(
        "napari_mcwss.training.data.training_data.label_agreement", lambda *_: GOOD_ENOUGH
    )
    scan = tagged_study.scan_names[1]
    trusted = blocks(tagged_study, scan)
    list(train(tagged_study, "m", TINY, trusted=trusted))
    assert [data.labels is None for data in seen] == [True, True, False, False]
    of_scan = seen[-1].labels[(seen[-1].scan == 1).nonzero()[:, 0]].flatten(1)
    assert len(of_scan)
    for label, pixels in ((1, 100), (2, 104)):
        assert (of_scan == label).sum(1).tolist() == [pixels] * len(of_scan)
    assert read_info(tagged_study.model_folder("m")).trusted_scans == (scan,)


def test_labels_that_are_not_like_the_trusted_ones_are_not_learnt_from(
    tagged_study: Study, monkeypatch
):
    seen = watched_data(monkeypatch)
    scan = tagged_study.scan_names[1]
    # Hardly trained, the first stage cannot find blocks where there is nothing.
    events = list(train(tagged_study, "m", TINY, trusted=blocks(tagged_study, scan)))
    told = [event.text for event in events if isinstance(event, Advice)]
    assert any(f"masks of {scan} alone" in text for text in told)
    assert len(seen[-1].images) < len(seen[0].images)
    assert seen[-1].weights is None
    # The few slices are drawn more often instead.
    batches = {event.batches for event in events if isinstance(event, Batch)}
    assert len(batches) == 1


def test_trusted_labels_are_drawn_as_often_as_all_others(tagged_study: Study, monkeypatch):
    seen = watched_data(monkeypatch)
    monkeypatch.setattr(
        "napari_mcwss.training.data.training_data.label_agreement", lambda *_: GOOD_ENOUGH
    )
    scan = tagged_study.scan_names[1]
    events = list(train(tagged_study, "m", TINY, trusted=blocks(tagged_study, scan)))
    assert not any("first stage" in event.text for event in events if isinstance(event, Advice))
    data = seen[-1]
    assert len(data.images) == len(seen[0].images)
    trusted = data.scan == 1
    assert data.weights[trusted].sum() == pytest.approx(data.weights[~trusted].sum())
    assert len(set(data.weights[trusted].tolist())) == 1


def test_agreement_is_the_mean_dice_of_the_classes():
    reference = np.array([[[1, 1, 2, 2, 0, 0]]], np.uint8)
    assert label_agreement(reference, reference, 2) == 1
    labels = np.array([[[1, 0, 2, 2, 2, 0]]], np.uint8)
    assert label_agreement(labels, reference, 2) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert label_agreement(np.zeros_like(reference), reference, 2) == 0
    assert label_agreement(np.zeros_like(reference), np.zeros_like(reference), 2) == 1


def test_with_all_labels_given_there_is_no_first_stage(tagged_study: Study):
    trusted = blocks(tagged_study, *tagged_study.scan_names)
    events = list(train(tagged_study, "m", TINY, trusted=trusted))
    assert next(event for event in events if isinstance(event, Started)).epochs == 2
    losses = [set(event.losses) for event in events if isinstance(event, Epoch)]
    assert losses == [{"cross_entropy", "dice", "total"}] * 2
    events = train(tagged_study, "n", TINY, trusted=trusted)
    next(event for event in events if isinstance(event, Batch))
    events.close()
    assert read_info(tagged_study.model_folder("n")).preset == "refined"


def test_labels_without_a_second_stage_are_refused(tagged_study: Study):
    trusted = blocks(tagged_study, tagged_study.scan_names[0])
    config = TINY.model_copy(update={"refine": False})
    with pytest.raises(McwssError, match="second stage"):
        list(train(tagged_study, "m", config, trusted=trusted))
    assert not tagged_study.model_names()


def test_masks_of_scans_that_are_not_trained_on_are_named(tagged_study: Study):
    first, second, third = tagged_study.scan_names[:3]
    labels = blocks(tagged_study, first, second)
    config = TINY.model_copy(update={"epochs": 1})
    events = list(train(tagged_study, "m", config, scans=[second, third], trusted=labels))
    (told,) = [event for event in events if isinstance(event, Advice) and "not used" in event.text]
    assert first in told.text
    assert second not in told.text
    assert read_info(tagged_study.model_folder("m")).trusted_scans == (second,)


def test_labels_of_another_shape_are_refused(tagged_study: Study):
    scan = tagged_study.scan_names[0]
    with pytest.raises(McwssError, match=rf"mask of scan {scan}.*\(2, 3, 4\)"):
        list(train(tagged_study, "m", TINY, trusted={scan: np.zeros((2, 3, 4), np.uint8)}))


def test_the_same_seed_gives_the_same_second_stage(tagged_study: Study):
    states = []
    for name in "ab":
        list(train(tagged_study, name, TINY))
        model = load_model(tagged_study.model_folder(name), device="cpu")
        states.append(model.preset.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_coarse_pixels_and_place_are_those_of_the_model(tagged_study: Study):
    config = TINY.model_copy(update={"pixel": 2.0, "place": True})
    list(train(tagged_study, "m", config))
    model = load_model(tagged_study.model_folder("m"), device="cpu")
    assert (model.info.pixel, model.info.place) == (2.0, True)
    assert model.preset.channels == len(tagged_study.channels) + 3


def test_a_second_stage_in_3d_reads_slabs_of_all_slices(tmp_path, monkeypatch):
    write_phantom(tmp_path / "scans", scans=2, size=(17, 40, 36))
    study = Study.create(
        tmp_path / "study",
        scans=find_scans(tmp_path / "scans", PHANTOM_CHANNELS),
        channels=PHANTOM_CHANNELS,
        classes=list(PHANTOM_CLASSES),
    )
    for name in study.scan_names:
        values = np.full((17, 2), -1, np.int8)
        values[4:9], values[9:14] = 0, 1
        study.tags.write({name: TagTable(study.class_names, values)})
    seen = watched_data(monkeypatch)
    list(train(study, "m", TINY.model_copy(update={"volumetric": True})))
    tagged, all_slices = (
        set(data.position[data.scan == 0].tolist()) for data in (seen[0], seen[-1])
    )
    assert tagged == set(range(4, 14)) < all_slices
    model = load_model(study.model_folder("m"), device="cpu")
    assert model.info.preset == "refined_volume"
    (*_, prediction) = iter_with_value(predict(model, study.scan(study.scan_names[0])))
    assert prediction.cams.shape == (2, 17, 40, 36)


def test_flat_scans_and_a_first_stage_alone_are_refused_in_3d(tagged_study: Study):
    config = TINY.model_copy(update={"volumetric": True})
    with pytest.raises(McwssError, match="has 9 slices"):
        list(train(tagged_study, "m", config))
    with pytest.raises(McwssError, match="only a second stage can be in 3-D"):
        list(train(tagged_study, "m", config.model_copy(update={"refine": False})))
    assert tagged_study.model_names() == []
