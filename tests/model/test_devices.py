"""Where networks compute in bfloat16, and that results are then the same to rounding."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from napari_mcwss.base.generators import Returning
from napari_mcwss.model import devices
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.model.encoders.encoder import Encoder
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.segmentation.prediction.predict import predict
from napari_mcwss.study.study import Study

CPU = torch.device("cpu")


@pytest.fixture
def able(monkeypatch):
    """Return a function that says what the processor is able to do."""

    def give(**capabilities: bool) -> None:
        devices._cpu_has_bfloat16.cache_clear()
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)

    yield give
    devices._cpu_has_bfloat16.cache_clear()


def kind_of_products(network: nn.Module) -> torch.dtype:
    with devices.autocast(CPU, network):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


@pytest.mark.parametrize(
    ("capabilities", "kind"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": True, "amx_bf16": True}, torch.float32),
        ({"avx512_f": True, "avx512_bf16": False}, torch.float32),
        ({"architecture": "aarch64"}, torch.float32),
    ],
)
def test_processors_with_instructions_for_it_compute_in_bfloat16(able, capabilities, kind):
    able(**capabilities)
    assert kind_of_products(nn.Conv2d(1, 1, 3)) == kind


def test_an_old_torch_that_cannot_tell_computes_in_float32(able, monkeypatch):
    able()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert kind_of_products(nn.Conv2d(1, 1, 3)) == torch.float32


@pytest.mark.parametrize("name", [name for name, entry in PRESETS.items() if not entry.tries])
def test_networks_in_3d_alone_compute_in_float32(able, name):
    able(avx512_bf16=True)
    preset = PRESETS[name].preset_class(2, 2, 2)
    in_3d = name == "refined_volume"
    assert kind_of_products(preset) == (torch.float32 if in_3d else torch.bfloat16)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 1, 3, stride=2),
        nn.Conv2d(1, 1, 3, stride=(1, 2)),
        nn.Conv2d(1, 1, 3, dilation=2),
        nn.ConvTranspose2d(1, 1, 3, stride=2),
        nn.Conv1d(1, 1, 3),
        nn.Conv3d(1, 1, 3),
        nn.ConvTranspose3d(1, 1, 2, stride=2),
    ],
    ids=str,
)
def test_networks_that_processors_would_compute_wrong_compute_in_float32(able, layer):
    able(avx512_bf16=True)
    assert kind_of_products(nn.Sequential(nn.Conv2d(1, 1, 3), layer)) == torch.float32


def test_encoders_compute_in_float32(able):
    able(avx512_bf16=True)
    network = nn.Sequential(nn.Conv2d(3, 2, 3, stride=2))
    encoder = Encoder(network, [2], [2], [0.0] * 3, [1.0] * 3, "")
    with devices.autocast(CPU, nn.Identity()):
        assert encoder(torch.zeros(1, 3, 8, 8)).dtype == torch.float32


RIGHT = """
import random
import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)
for _ in range(300):
    inputs, outputs = (random.choice([1, 2, 3, 4, 8, 16, 24, 32, 64]) for _ in range(2))
    size = [random.choice([1, 2, 3, 5, 8, 15, 16, 17, 30, 61]) for _ in range(2)]
    kernel = random.choice([1, 3])
    plain = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    layer = random.choice([plain, nn.ConvTranspose2d(inputs, outputs, 2, stride=2)])
    images = torch.randn(random.choice([1, 2, 8]), inputs, *size)
    if random.random() < 0.5:
        images = images.contiguous(memory_format=torch.channels_last)
    found = []
    for kind in (torch.float32, torch.bfloat16):
        layer.zero_grad()
        read = images.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
            made = layer(read)
        made.float().square().sum().backward()
        found.append([made, read.grad, layer.weight.grad.clone()])
    for exact, rounded in zip(*found, strict=True):
        error = (exact - rounded).abs().max() / exact.abs().max()
        assert error < 0.05, (layer, images.shape, float(error))
"""


def test_what_is_computed_in_bfloat16_does_not_depend_on_what_memory_held_before():
    # Makes the C library of Linux hand out memory full of large numbers.
    environment = {**os.environ, "MALLOC_PERTURB_": "128"}
    subprocess.run([sys.executable, "-c", RIGHT], env=environment, check=True)


def test_maps_hardly_depend_on_it(able, trained_study: Study):
    model = load_model(trained_study.model_folder("model-1"), device="cpu")
    scan = trained_study.scan(trained_study.scan_names[0])
    found = []
    for has in (False, True):
        able(avx512_bf16=has)
        steps = Returning(predict(model, scan))
        list(steps)
        found.append(steps.value)
    exact, rounded = found
    assert 0 < np.abs(exact.cams - rounded.cams).max() < 0.05
    assert np.abs(exact.scores - rounded.scores).max() < 0.02
    middle = np.median(exact.cams[exact.cams > 0])
    assert ((exact.cams > middle) != (rounded.cams > middle)).mean() < 0.01
