"""A training whose heads are fitted to the features of an encoder."""

from functools import partial

import numpy as np
import platformdirs
import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.model.encoders import registry
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import UNKNOWN
from napari_mcwss.segmentation.prediction.predict import predict
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import TagTable
from napari_mcwss.training.checkpoints.unfinished import unfinished_training
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.pixels import ENLARGED, FEATURE_SIDE, feature_pixel, own_pixel
from napari_mcwss.training.events import Batch, Epoch, Finished, Message, Started
from napari_mcwss.training.features import stage, store
from napari_mcwss.training.features.fit import fit_heads
from napari_mcwss.training.loop import resume, train

CONFIG = TrainingConfig(preset="features", pixel=4.0, device="cpu")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch, tmp_path) -> None:
    """Fit heads in few steps, with an empty cache: the tests are about what is around them."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    quick = partial(fit_heads, region_steps=6, detail_steps=2)
    monkeypatch.setattr(stage, "fit_heads", quick)


def test_slices_are_encoded_and_heads_fitted_in_one_epoch(tagged_study: Study):
    events = list(train(tagged_study, "m", CONFIG))
    started = next(event for event in events if isinstance(event, Started))
    assert (started.epochs, started.validation_scans) == (1, ())
    told = [event.text for event in events if isinstance(event, Message)]
    for number, scan in enumerate(tagged_study.scan_names, 1):
        assert f"encoding {scan} ({number} of 4)" in told
    batches = [event for event in events if isinstance(event, Batch)]
    assert [event.batch for event in batches] == list(range(1, 9))
    assert {event.batches for event in batches} == {8}
    assert batches[-1].progress == 1
    assert all(event.losses["total"] > 0 for event in batches)
    (epoch,) = [event for event in events if isinstance(event, Epoch)]
    assert set(epoch.validation) == set(tagged_study.class_names)
    assert isinstance(events[-1], Finished)
    info = read_info(tagged_study.model_folder("m"))
    assert (info.preset, info.encoder) == ("features", registry.DEFAULT_ENCODER)


def test_a_second_training_encodes_nothing(tagged_study: Study):
    list(train(tagged_study, "m", CONFIG))
    again = list(train(tagged_study, "n", CONFIG))
    told = [event.text for event in again if isinstance(event, Message)]
    assert any(text.startswith("looking for features") for text in told)
    assert not any(text.startswith("encoding") for text in told)
    ends = [
        load_model(tagged_study.model_folder(name), device="cpu").preset.state_dict()
        for name in ("m", "n")
    ]
    assert [key for key in ends[0] if not torch.equal(ends[0][key], ends[1][key])] == []


def test_slices_that_are_not_tagged_are_not_encoded(tagged_study: Study):
    name = tagged_study.scan_names[0]
    tags = tagged_study.tags.read(name).values.copy()
    tags[len(tags) // 2 :] = UNKNOWN
    tagged_study.tags.write({name: TagTable(tagged_study.class_names, tags)})
    list(train(tagged_study, "m", CONFIG, scans=[name]))
    cached = store.FeatureStore(registry.DEFAULT_ENCODER, InputSpec(4.0))
    found = cached.get(tagged_study.scan(name))
    assert 0 < len(found.position) < found.occupied
    assert found.position.max() < len(tags) // 2


def test_a_model_is_loaded_and_segments(tagged_study: Study):
    list(train(tagged_study, "m", CONFIG))
    model = load_model(tagged_study.model_folder("m"), device="cpu")
    scan = tagged_study.scan(tagged_study.scan_names[0])
    steps = Returning(predict(model, scan))
    list(steps)
    cams = steps.value.cams
    assert cams.shape == (2, *scan.geometry.shape)
    assert np.isfinite(cams).all()
    assert cams.std() > 0


@pytest.mark.parametrize("kind", [Message, Batch])
def test_an_interrupted_stage_starts_again(tagged_study: Study, kind):
    """Neither minutes nor epochs change its length."""
    config = CONFIG.model_copy(update={"minutes": 0.001})
    events = train(tagged_study, "m", config)
    next(event for event in events if isinstance(event, Message) and "encoding" in event.text)
    next(event for event in events if isinstance(event, kind))
    events.close()
    assert tagged_study.model_names() == []
    assert unfinished_training(tagged_study, "m") is not None
    list(resume(tagged_study, "m"))
    list(train(tagged_study, "whole", config))
    ends = [
        load_model(tagged_study.model_folder(name), device="cpu").preset.state_dict()
        for name in ("m", "whole")
    ]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_with_one_scan_no_tag_is_held_out(tagged_study: Study):
    events = train(tagged_study, "m", CONFIG, scans=tagged_study.scan_names[:1])
    (epoch,) = [event for event in events if isinstance(event, Epoch)]
    assert epoch.validation == {}


def test_a_second_stage_follows_with_pixels_of_its_own(tagged_study: Study):
    config = CONFIG.model_copy(update={"pixel": None, "refine": True, "epochs": 1, "width": 2})
    events = list(train(tagged_study, "m", config))
    assert next(event for event in events if isinstance(event, Started)).epochs == 2
    told = [e.text for e in events if isinstance(e, Message) and "pixels" in e.text]
    assert told == [
        "slices are read with pixels of 0.5 mm",
        "slices are read with pixels of 2 mm",
    ]
    info = read_info(tagged_study.model_folder("m"))
    assert (info.preset, info.pixel, info.encoder) == ("refined", 2.0, "")


def test_other_or_missing_weights_of_the_encoder_are_refused(tagged_study: Study, monkeypatch):
    list(train(tagged_study, "m", CONFIG))
    folder = tagged_study.model_folder("m")
    encoder = registry.load_encoder()
    monkeypatch.setattr(encoder, "digest", "0" * len(encoder.digest))
    with pytest.raises(McwssError, match="other weights of the encoder"):
        load_model(folder, device="cpu")
    info = read_info(folder).model_copy(update={"encoder": "nobodys"})
    (folder / "config.json").write_text(info.model_dump_json())
    with pytest.raises(McwssError, match="unknown encoder 'nobodys'"):
        load_model(folder, device="cpu")


def test_an_unknown_encoder_is_refused_before_anything_is_read(tagged_study: Study):
    config = CONFIG.model_copy(update={"encoder": "nobodys", "pixel": None})
    events = train(tagged_study, "m", config)
    with pytest.raises(McwssError, match="unknown encoder 'nobodys'"):
        next(events)


def test_a_model_is_shared_in_one_file(run, tagged_study: Study, tmp_path):
    list(train(tagged_study, "m", CONFIG))
    packed = tmp_path / "m.zip"
    assert run("model", "pack", tagged_study.folder, packed, "--model", "m")[0] == 0
    assert run("model", "unpack", tagged_study.folder, packed, "--model", "n")[0] == 0
    assert load_model(tagged_study.model_folder("n"), device="cpu").info.preset == "features"


def test_encoders_read_slices_of_a_size_that_suits_them(tagged_study: Study):
    """The phantoms have slices of 82 x 72 mm; each pixel becomes 4 x 4 at most."""
    names = tagged_study.scan_names
    assert own_pixel(tagged_study, names) == 2.0
    assert feature_pixel(tagged_study, registry.DEFAULT_ENCODER) == 2 / ENLARGED


def test_features_of_all_slices_fit_in_the_cache(tagged_study: Study, monkeypatch):
    from napari_mcwss.training.data import pixels

    wanted = feature_pixel(tagged_study, registry.DEFAULT_ENCODER)
    monkeypatch.setattr(pixels, "BUDGET", 2**20)
    assert feature_pixel(tagged_study, registry.DEFAULT_ENCODER) > 2 * wanted


def test_pictures_are_reduced(tmp_path, monkeypatch):
    from PIL import Image

    Image.fromarray(np.zeros((300, 500, 3), np.uint8)).save(tmp_path / "a.png")
    study = Study.create(
        tmp_path / "study",
        scans={"a": [tmp_path / "a.png"]},
        channels=["red", "green", "blue"],
        classes=["leaf"],
    )
    assert own_pixel(study, ["a"]) == pytest.approx(500 / 160)
    encoder = registry.DEFAULT_ENCODER
    assert feature_pixel(study, encoder) == pytest.approx(500 / FEATURE_SIDE, abs=1e-3)
