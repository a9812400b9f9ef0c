"""Batch norms that are fused into convolutions."""

import pytest
import torch
from torch import nn

from napari_mcwss.model.fusing import with_fused_norms
from napari_mcwss.model.presets.registry import PRESETS


@pytest.mark.parametrize("name", ["local", "mcwss", "published", "refined"])
def test_a_network_says_the_same_with_fused_norms(name):
    torch.manual_seed(0)
    preset = PRESETS[name].preset_class(3, 2, 4).eval()
    norms = [norm for norm in preset.modules() if isinstance(norm, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    images, foreground = torch.randn(2, 3, 48, 40), torch.ones(2, 1, 48, 40).bool()
    with torch.no_grad():
        before, after = (
            network.predict(images, foreground) for network in (preset, with_fused_norms(preset))
        )
    torch.testing.assert_close(after.cams, before.cams, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(after.scores, before.scores, atol=1e-4, rtol=1e-3)
    assert any(isinstance(module, nn.BatchNorm2d) for module in preset.modules())


def test_all_norms_of_the_local_networks_are_fused():
    preset = PRESETS["local"].preset_class(3, 2, 4).eval()
    fused = with_fused_norms(preset).modules()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused)
