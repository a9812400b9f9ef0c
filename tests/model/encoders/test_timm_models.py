"""Any model of timm can be an encoder: here small ones with random weights."""

import json

import pytest
import torch
from safetensors.torch import save

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.hub import download_encoder, find_download
from napari_mcwss.model.encoders.timm_models import load

TRANSFORMER = {"img_size": 56, "patch_size": 14, "embed_dim": 12, "depth": 2, "num_heads": 2}
MEAN, DEVIATION = (0.5, 0.4, 0.3), (0.3, 0.2, 0.1)


def download(timm, hub, name, architecture, *, fixed=False, **arguments):
    """Let the hub give out a model, download it, and return it."""
    model = timm.create_model(architecture, num_classes=7, **arguments).eval()
    config = {"mean": MEAN, "std": DEVIATION, "num_classes": 7, "fixed_input_size": fixed}
    config["input_size"] = (3, arguments.get("img_size", 64), arguments.get("img_size", 64))
    config["classifier"] = model.default_cfg["classifier"]
    config["first_conv"] = model.default_cfg["first_conv"]
    described = {"architecture": architecture, "pretrained_cfg": config, "model_args": arguments}
    hub.add_model(name, json.dumps(described).encode(), save(model.state_dict()))
    list(download_encoder(find_download(name)))
    return model


def test_a_vision_transformer_gives_its_last_map_for_any_size(timm, hub):
    name = "timm/small.transformer"
    model = download(timm, hub, name, "vit_small_patch14_dinov2", fixed=True, **TRANSFORMER)
    encoder = load(name)
    assert (encoder.strides, encoder.widths) == ((14,), (12,))
    assert [tuple(level.shape) for level in encoder(torch.rand(2, 3, 50, 100))] == [(2, 12, 4, 8)]
    images = torch.rand(1, 3, 56, 56)
    normal = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    expected = model.forward_intermediates(normal, norm=True, intermediates_only=True)[-1]
    torch.testing.assert_close(encoder(images)[0], expected, atol=1e-4, rtol=1e-4)


def test_a_convolutional_network_gives_a_map_for_each_stride(timm, hub):
    download(timm, hub, "timm/small.convolutions", "mobilenetv3_small_050")
    encoder = load("timm/small.convolutions")
    assert encoder.strides == (2, 4, 8, 16, 32)
    shapes = [tuple(level.shape) for level in encoder(torch.rand(1, 3, 65, 40))]
    assert shapes == [
        (1, width, -(-65 // stride), -(-40 // stride))
        for width, stride in zip(encoder.widths, encoder.strides, strict=True)
    ]
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_a_model_that_timm_does_not_know_is_refused_in_one_line(timm, hub):
    described = {"architecture": "imaginary", "pretrained_cfg": {}}
    hub.add_model("someone/odd", json.dumps(described).encode(), b"")
    list(download_encoder(find_download("someone/odd")))
    with pytest.raises(McwssError, match=r"^someone/odd cannot be used as an encoder \(Unknown m"):
        load("someone/odd")
