"""Looks at a network in training."""

import numpy as np
import pytest
import torch

from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.study.study import Study
from napari_mcwss.training import preview
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Preview
from napari_mcwss.training.loop import train
from napari_mcwss.training.preview import Previewer

TINY = TrainingConfig(preset="local", width=2, epochs=2, batch_size=8, device="cpu")


@pytest.fixture
def always(monkeypatch):
    """Previews as often as possible."""
    monkeypatch.setattr(preview, "INTERVAL", 0.0)
    monkeypatch.setattr(preview, "SHARE", float("inf"))


def previewer(study: Study, place: tuple[str, int] | None) -> Previewer:
    return Previewer(study, InputSpec(4.0), torch.device("cpu"), lambda: place)


def test_a_preview_shows_the_slice_that_is_looked_at(tagged_study: Study, always):
    name = tagged_study.scan_names[1]
    depth, height, width = tagged_study.scan(name).geometry.shape
    events = train(tagged_study, "m", TINY, watched=lambda: (name, depth // 2))
    previews = [event for event in events if isinstance(event, Preview)]
    assert previews
    for shown in previews:
        assert (shown.scan, shown.slice_index) == (name, depth // 2)
        assert shown.cams.shape == (2, height, width)
    assert previews[-1].cams.any()


def test_looking_changes_nothing_of_the_training(tagged_study: Study, always):
    place = (tagged_study.scan_names[0], 5)
    list(train(tagged_study, "seen", TINY, watched=lambda: place))
    list(train(tagged_study, "unseen", TINY))
    seen, unseen = (
        (tagged_study.model_folder(name) / "weights.safetensors").read_bytes()
        for name in ("seen", "unseen")
    )
    assert seen == unseen


def test_the_network_goes_on_training_after_a_look(tagged_study: Study, always):
    network = PRESETS["local"].preset_class(2, 2, 2, 4.0).train()
    assert previewer(tagged_study, (tagged_study.scan_names[0], 5)).look(network) is not None
    assert network.training


@pytest.mark.parametrize("place", [None, ("nobody", 0)])
def test_without_a_slice_of_the_study_there_is_no_preview(tagged_study: Study, place, always):
    network = PRESETS["local"].preset_class(2, 2, 2, 4.0)
    assert previewer(tagged_study, place).look(network) is None


def test_previews_take_a_small_share_of_the_time(tagged_study: Study, monkeypatch):
    now = 100.0
    monkeypatch.setattr(preview.time, "monotonic", lambda: now)
    looked = previewer(tagged_study, (tagged_study.scan_names[0], 5))
    network = PRESETS["local"].preset_class(2, 2, 2, 4.0)
    assert looked.look(network) is None
    now += preview.INTERVAL
    shown = looked.look(network)
    assert shown is not None
    assert shown.cams.dtype == np.uint8
    assert looked.look(network) is None
    now += preview.INTERVAL
    assert looked.look(network) is not None
