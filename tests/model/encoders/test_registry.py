"""Encoders by name."""

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.registry import load_encoder


def test_an_unknown_encoder_is_refused_with_those_there_are():
    with pytest.raises(McwssError, match="unknown encoder 'resnet': choose one of efficientnet-l"):
        load_encoder("resnet")
