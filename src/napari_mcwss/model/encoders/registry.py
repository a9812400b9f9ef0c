"""The table of encoders: the one place where an encoder is named. It loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from napari_mcwss.model.encoders.encoder import Encoder


@dataclass(frozen=True)
class EncoderEntry:
    """An encoder as the command line shows it, and what loads it.

    Attributes
    ----------
    licence : str
        Of the weights.
    size : float
        Of the weights, in MB.
    source : str
        ``package.module:function`` that loads the encoder of a name.
    """

    title: str
    summary: str
    licence: str
    size: float
    source: str


ENCODERS: dict[str, EncoderEntry] = {
    "efficientnet-lite0": EncoderEntry(
        "EfficientNet-Lite0",
        "a small convolutional network, trained on photographs (ImageNet)",
        "Apache-2.0",
        18.8,
        "napari_mcwss.model.encoders.efficientnet_lite:load",
    ),
}
"""Entries by the names that files and options use; the first one is the default."""

DEFAULT_ENCODER = next(iter(ENCODERS))


def load_encoder(name: str = DEFAULT_ENCODER, device: str = "cpu") -> Encoder:
    """Load an encoder, once per process and device.

    Parameters
    ----------
    name : str
        As in `ENCODERS`.
    device : str
        Name of a torch device.

    Raises
    ------
    McwssError
        If it is unknown or its weights are not on this computer.
    """
    if name not in ENCODERS:
        raise McwssError(f"unknown encoder {name!r}: choose one of {', '.join(ENCODERS)}")
    return _load(name, device)


@cache
def _load(name: str, device: str) -> Encoder:
    module, _, function = ENCODERS[name].source.partition(":")
    encoder: Encoder = getattr(import_module(module), function)(name)
    return encoder.to(device)
