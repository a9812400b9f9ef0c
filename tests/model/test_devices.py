"""Where networks compute in bfloat16, and that results are then the same to rounding."""

import numpy as np
import pytest
import torch

from napari_mcwss.base.generators import Returning
from napari_mcwss.model import devices
from napari_mcwss.model.checkpoint import load_model
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


@pytest.mark.parametrize(
    ("capabilities", "kind"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({"avx512_f": True, "avx512_bf16": False}, torch.float32),
        ({"architecture": "aarch64"}, torch.float32),
    ],
)
def test_processors_with_instructions_for_it_compute_in_bfloat16(able, capabilities, kind):
    able(**capabilities)
    with devices.autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind


def test_an_old_torch_that_cannot_tell_computes_in_float32(able, monkeypatch):
    able()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    with devices.autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


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
