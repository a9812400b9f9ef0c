"""Models on disk: what is loaded is what was written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import ModelInfo, load_model, save_model, untrained

INFO = ModelInfo(
    preset="local",
    classes=("TC", "ED"),
    channels=("t1c",),
    width=2,
    precedence=((False, True), (False, False)),
    scans=(),
    epochs=1,
)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(tmp_path, untrained(INFO), INFO)
    return tmp_path / "weights.safetensors"


def loaded(weights: Path) -> dict[str, Tensor]:
    return load_model(weights.parent, device="cpu").preset.state_dict()


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_flipped_bit_is_never_loaded_as_weights(weights: Path):
    before, whole = loaded(weights), weights.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 60):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        weights.write_bytes(flipped)
        try:
            # In the padding of the header, a bit has no meaning.
            assert equal(loaded(weights), before)
        except McwssError:
            refused += 1
    assert refused > 50


def test_models_without_a_digest_are_loaded(weights: Path):
    before = loaded(weights)
    save_file(load_file(weights), weights)
    assert equal(loaded(weights), before)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_neither_written_nor_loaded(weights: Path, value: float):
    before = weights.read_bytes()
    network = untrained(INFO)
    with torch.no_grad():
        next(network.parameters()).flatten()[0] = value
    with pytest.raises(McwssError, match="weights are not finite"):
        save_model(weights.parent, network, INFO)
    assert weights.read_bytes() == before
    save_file(network.state_dict(), weights)
    with pytest.raises(McwssError, match="is damaged"):
        load_model(weights.parent, device="cpu")
