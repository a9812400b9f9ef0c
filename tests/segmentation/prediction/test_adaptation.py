"""A network takes over what its features look like in a scan, as far as the scan is large."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel
from napari_mcwss.model.inputs import Inputs, prepare
from napari_mcwss.model.presets.local import Local
from napari_mcwss.model.presets.published import Published
from napari_mcwss.segmentation.prediction.adaptation import PRIOR, adapted


def model_of(preset) -> TrainedModel:
    info = ModelInfo(
        preset="local",
        classes=("A",),
        channels=("t1",),
        width=2,
        precedence=((False,),),
        scans=("s",),
        epochs=1,
    )
    return TrainedModel(info, preset.eval(), torch.device("cpu"))


@pytest.fixture
def model() -> TrainedModel:
    torch.manual_seed(0)
    return model_of(Local(1, 1, 2))


def inputs_of(slices: int) -> Inputs:
    volume = np.random.default_rng(0).normal(size=(1, slices, 24, 20)).astype(np.float32)
    return prepare(volume, (1.0, 1.0, 1.0), model_of(Local(1, 1, 2)).info.input_spec)


def finished(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def first_norm(preset) -> nn.BatchNorm2d:
    return next(part for part in preset.modules() if isinstance(part, nn.BatchNorm2d))


def test_statistics_move_to_those_of_the_scan_by_its_share_of_slices(model):
    inputs = inputs_of(slices=16)
    preset = finished(adapted(model, inputs, batch_size=16))
    features = preset.regions.down[0][0](inputs.images.float())
    share = 16 / (16 + PRIOR)
    torch.testing.assert_close(
        first_norm(preset).running_mean, share * features.mean((0, 2, 3)), rtol=0.01, atol=1e-3
    )
    own = features.var((0, 2, 3))
    torch.testing.assert_close(
        first_norm(preset).running_var, torch.lerp(torch.ones(2), own, share), rtol=0.01, atol=1e-3
    )
    assert not preset.training
    assert not first_norm(preset).training


def test_the_model_itself_stays_as_it_is(model):
    before = {name: value.clone() for name, value in model.preset.state_dict().items()}
    inputs = inputs_of(slices=9)
    assert finished(adapted(model, inputs, batch_size=2)) is not model.preset
    steps = adapted(model, inputs, batch_size=2)
    next(steps)
    steps.close()
    assert all(torch.equal(before[name], now) for name, now in model.preset.state_dict().items())
    assert not model.preset.training


def test_what_takes_no_part_keeps_its_statistics(model):
    preset = finished(adapted(model, inputs_of(slices=4), batch_size=4, look="score"))
    for part in preset.contrasts.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert not part.running_mean.any()
    assert first_norm(preset).running_mean.any()


def test_batches_make_little_difference(model):
    inputs = inputs_of(slices=12)
    one, other = (first_norm(finished(adapted(model, inputs, size))) for size in (3, 12))
    torch.testing.assert_close(one.running_mean, other.running_mean, rtol=0.02, atol=1e-3)


def test_a_single_slice_and_other_presets_are_not_adapted_to(model):
    assert finished(adapted(model, inputs_of(slices=1), batch_size=16)) is model.preset
    published = replace(model, preset=Published(1, 2, 2))
    assert finished(adapted(published, inputs_of(slices=9), batch_size=16)) is published.preset
