"""The preset `published` computes what the published network computes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.presets.published import (
    Published,
    align_loss,
    cam_loss,
    exclusive_loss,
    fused_maps,
)

BLOCK_LAYERS = {0: 0, 1: 1, 3: 3, 4: 4}
BRANCHES = {"single": "", "decomposed": "_"}


def parity_inputs() -> torch.Tensor:
    i = np.arange(2 * 4 * 240 * 240, dtype=np.float64).reshape(2, 4, 240, 240)
    slices = np.sin(0.001 * i) + np.cos(0.00037 * i)
    references = np.cos(0.0013 * i) - np.sin(0.00029 * i)
    return torch.from_numpy(np.concatenate([slices, references])).float()


def published_state(recorded) -> dict[str, torch.Tensor]:
    """Name the recorded weights as our network names them."""
    weights = {
        key.removeprefix("weights/"): torch.from_numpy(recorded[key])
        for key in recorded
        if key.startswith("weights/")
    }
    state = {}
    for key, value in weights.items():
        if key.startswith("Conv"):
            block, _, layer, kind = key.split(".")
            state[f"network.encoder.blocks.{int(block[4:]) - 1}.{layer}.{kind}"] = value
    for branch, mark in BRANCHES.items():
        for level, name in ((3, "shallow"), (5, "deep")):
            heads = [weights[f"bott{level}{k}{mark}.weight"] for k in (1, 2)]
            state[f"network.{branch}_heads.{name}.weight"] = torch.cat(heads)
    for level, name in ((3, "shallow"), (5, "deep")):
        state[f"network.{name}_affinity.weight.weight"] = weights[f"extra_linear_e{level}.weight"]
    return state


@pytest.fixture(scope="module")
def recorded(parity_folder: Path):
    return np.load(parity_folder / "network.npz")


@pytest.fixture(scope="module")
def outputs(recorded):
    preset = Published(channels=4, classes=2, width=4)
    missing, unexpected = preset.load_state_dict(published_state(recorded), strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    preset.eval()
    with torch.inference_mode():
        features = preset.network.encode(parity_inputs())
        single = [level[:2] for level in preset.network.single_heads(features)]
        return {"single": single, "decomposed": preset.network.decompose(features)}


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("k", [0, 1])
def test_logits_equal_the_recorded_ones(recorded, outputs, branch, k):
    for level, logits in zip((3, 5), outputs[branch], strict=True):
        expected = recorded[f"{branch}/class{k + 1}/logits_level{level}"]
        found = logits[:, k].mean((-2, -1)).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("k", [0, 1])
def test_maps_equal_the_recorded_ones(recorded, outputs, branch, k):
    maps = fused_maps(*outputs[branch])[:, k].numpy()
    stored = f"{branch}/class{k + 1}"
    np.testing.assert_allclose(
        maps[..., ::8, ::8], recorded[f"{stored}/cam_stride8"], rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(
        maps.mean((-2, -1)), recorded[f"{stored}/cam_mean"], rtol=0, atol=1e-5
    )


def test_losses_equal_the_recorded_ones(parity_folder):
    arrays = np.load(parity_folder / "losses.npz")
    expected = json.loads((parity_folder / "losses.json").read_text())
    cam1, cam2 = (torch.from_numpy(arrays[name]) for name in ("cam1", "cam2"))
    y1, y2 = (torch.from_numpy(arrays[name]) for name in ("y1", "y2"))

    def close(value: float):
        return pytest.approx(value, abs=1e-5)

    assert float(cam_loss(cam1, y1)) == close(expected["cam_loss(cam1,y1)"])
    assert float(cam_loss(cam2, y2)) == close(expected["cam_loss(cam2,y2)"])
    assert float(align_loss(cam1, cam2, y1)) == close(expected["align_loss(cam1,cam2,y1)"])
    assert float(exclusive_loss(cam1, cam2, y1, y2)) == close(
        expected["exclusive_loss_mean_of_per_sample"]
    )
    each = [
        float(exclusive_loss(cam1[i : i + 1], cam2[i : i + 1], y1[i : i + 1], y2[i : i + 1]))
        for i in range(len(y1))
    ]
    assert each == close(expected["exclusive_loss_per_sample"])


def test_other_than_two_classes_are_refused():
    with pytest.raises(McwssError, match=r"exactly 2 classes, this study has 3"):
        Published(channels=1, classes=3, width=4)
