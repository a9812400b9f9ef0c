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
        devices._cpu_is_right_in_bfloat16.cache_clear()
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)

    yield give
    devices._cpu_is_right_in_bfloat16.cache_clear()


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


def test_older_torch_whose_results_were_not_checked_computes_in_float32(able, monkeypatch):
    able(avx512_bf16=True)
    monkeypatch.setattr(torch, "__version__", "2.12.1")
    assert kind_of_products(nn.Conv2d(1, 1, 3)) == torch.float32


@pytest.mark.parametrize("name", [name for name, entry in PRESETS.items() if not entry.tries])
def test_of_the_presets_only_that_in_3d_computes_in_float32(able, name):
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
        nn.Conv2d(1, 1, 2),
        nn.Conv2d(2, 2, 3, groups=2),
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


LAYERS = """
import random
import sys
import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(int(sys.argv[1]))
for _ in range(300):
    inputs, outputs = (random.choice([1, 2, 3, 4, 8, 16, 24, 32, 64]) for _ in range(2))
    size = [random.choice([1, 2, 3, 5, 8, 15, 16, 17, 30, 61]) for _ in range(2)]
    kernel = random.choice([1, 3])
    plain = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    layer = random.choice([plain, nn.ConvTranspose2d(inputs, outputs, 2, stride=2)])
    # Nothing negative, so that sums over pixels do not cancel out.
    images = torch.rand(random.choice([1, 2, 8]), inputs, *size)
    if random.random() < 0.5:
        images = images.contiguous(memory_format=torch.channels_last)
    found = []
    for rounded in (False, True):
        layer.zero_grad()
        read = images.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=rounded):
            made = layer(read)
        made.float().sum().backward()
        gradients = [parameter.grad.clone() for parameter in layer.parameters()]
        found.append([made, read.grad, *gradients])
    for exact, other in zip(*found, strict=True):
        error = (exact - other).abs().max() / exact.abs().max()
        assert error < 0.05, (layer, images.shape, float(error))
"""

PRESETS_IN_TRAINING = """
import sys
from contextlib import nullcontext
import torch
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.preset import TaggedBatch
from napari_mcwss.model.presets.registry import PRESETS

torch.set_num_threads(int(sys.argv[1]))
for name in ("local", "mcwss", "refined"):
    for width, size in ((2, 40), (4, 33), (16, 64)):
        torch.manual_seed(0)
        preset = PRESETS[name].preset_class(2, 2, width).train()
        labels = torch.randint(0, 3, (8, size, size)) if name == "refined" else None
        tags = torch.randint(0, 2, (8, 2), dtype=torch.int8)
        batch = TaggedBatch(
            torch.randn(8, 2, size, size).contiguous(memory_format=torch.channels_last),
            torch.ones(8, 1, size, size, dtype=torch.bool),
            tags,
            torch.full((2,), 0.5),
            labels=labels,
        )
        found = []
        for context in (nullcontext(), autocast(torch.device("cpu"), preset)):
            preset.zero_grad()
            with context:
                losses = preset.losses(batch)
            torch.stack(list(losses.values())).sum().backward()
            found.append(
                torch.cat([p.grad.flatten() for p in preset.parameters() if p.grad is not None])
            )
        exact, rounded = found
        likeness = torch.cosine_similarity(exact, rounded, 0)
        print(name, width, float(likeness))
        assert likeness > 0.9, (name, width, float(likeness))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not devices._cpu_is_right_in_bfloat16(),
    reason="this processor computes in float32, or its system hands out no used memory",
)
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("check", [LAYERS, PRESETS_IN_TRAINING], ids=["layers", "presets"])
def test_what_is_computed_in_bfloat16_does_not_depend_on_what_memory_held_before(check, threads):
    # Makes the C library of Linux hand out memory full of large numbers.
    environment = {**os.environ, "MALLOC_PERTURB_": "128"}
    subprocess.run([sys.executable, "-c", check, threads], env=environment, check=True)


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
