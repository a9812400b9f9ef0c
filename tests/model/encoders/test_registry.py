"""Encoders by name."""

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.encoder import Encoder
from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER, ENCODERS, load_encoder


def test_an_unknown_encoder_is_refused_with_those_there_are():
    with pytest.raises(McwssError, match="unknown encoder 'resnet': choose one of efficientnet-l"):
        load_encoder("resnet")


def test_the_default_needs_no_download():
    assert ENCODERS[DEFAULT_ENCODER].embedded


@pytest.mark.parametrize("name", ENCODERS)
def test_every_listed_encoder_can_be_used_or_says_how(hub, name):
    if ENCODERS[name].embedded:
        assert isinstance(load_encoder(name), Encoder)
        return
    with pytest.raises(McwssError, match=f"encoders --download {name}$"):
        load_encoder(name)
