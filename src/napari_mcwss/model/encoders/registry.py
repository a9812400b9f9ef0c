"""The table of encoders: the one place where an encoder is named. It loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from napari_mcwss.model.encoders.encoder import Encoder


HUB_SOURCE = "napari_mcwss.model.encoders.timm_models:load"
"""Loads every encoder of the hub, those not in the table too."""


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
    embedded : bool
        Whether its weights are installed with this package; others are downloaded on request.
    """

    title: str
    summary: str
    licence: str
    size: float
    source: str = HUB_SOURCE
    embedded: bool = False


ENCODERS: dict[str, EncoderEntry] = {
    "efficientnet-lite0": EncoderEntry(
        "EfficientNet-Lite0",
        "a small convolutional network, trained on photographs (ImageNet)",
        "Apache-2.0",
        18.8,
        "napari_mcwss.model.encoders.efficientnet_lite:load",
        embedded=True,
    ),
    "timm/vit_small_patch14_dinov2.lvd142m": EncoderEntry(
        "DINOv2, small",
        "a vision transformer, trained on photographs without labels",
        "Apache-2.0",
        88.2,
    ),
    "timm/vit_small_patch16_dinov3.lvd1689m": EncoderEntry(
        "DINOv3, small",
        "a vision transformer, trained on more photographs without labels",
        "DINOv3 License",
        86.4,
    ),
    "1aurent/vit_small_patch16_224.lunit_dino": EncoderEntry(
        "Lunit DINO, small",
        "a vision transformer, trained on histology without labels",
        "research only, not commercial",
        86.7,
    ),
}
"""Entries by the names that files and options use; the first one is the default.

A name ``owner/model`` is that of the Hugging Face Hub.
"""

DEFAULT_ENCODER = next(iter(ENCODERS))


def load_encoder(name: str = DEFAULT_ENCODER, device: str = "cpu") -> Encoder:
    """Load an encoder, once per process and device.

    Parameters
    ----------
    name : str
        As in `ENCODERS`, or another model for timm on the hub: ``owner/model``.
    device : str
        Name of a torch device.

    Raises
    ------
    McwssError
        If it is unknown or its weights are not on this computer.
    """
    if name not in ENCODERS and "/" not in name:
        raise McwssError(
            f"unknown encoder {name!r}: choose one of {', '.join(ENCODERS)}, or the owner/model of "
            "another on the hub"
        )
    return _load(name, device)


@cache
def _load(name: str, device: str) -> Encoder:
    import torch

    source = ENCODERS[name].source if name in ENCODERS else HUB_SOURCE
    module, _, function = source.partition(":")
    # Not on the meta device, if a network is made there to learn its shapes, and without drawing
    # random numbers, or the first training of a program would differ from the next.
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        encoder: Encoder = getattr(import_module(module), function)(name)
        return encoder.to(device)
