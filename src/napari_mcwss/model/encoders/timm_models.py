"""Encoders from timm's models, with weights that were downloaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.encoder import Encoder
from napari_mcwss.model.encoders.hub import CONFIG, WEIGHTS, checked_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

# A multiple of the strides of all common models: 14, 16 and 32.
_PROBE = 224


def load(name: str) -> Encoder:
    """Load a model of the hub that was downloaded.

    Parameters
    ----------
    name : str
        ``owner/model``.

    Raises
    ------
    McwssError
        If it was not downloaded, is damaged, or cannot be used as an encoder, or timm is missing.
    """
    folder, sha256 = checked_files(name)
    timm = _timm()
    try:
        return _encoder(timm.create_model, folder, sha256[:16])
    except Exception as error:  # whatever timm raises about a model that it cannot use
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise McwssError(
            f"{name} cannot be used as an encoder ({reason}): choose another model"
        ) from error


class _Levels(nn.Module):
    """The last map of each stride; a vision transformer has one stride."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        with torch.no_grad():
            maps = self._maps(torch.zeros(1, 3, _PROBE, _PROBE), None)
        last = {_PROBE // level.shape[-1]: index for index, level in enumerate(maps)}
        self.strides, self._indices = list(last), list(last.values())
        self.widths = [maps[index].shape[1] for index in self._indices]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return maps as large as the images need, which are padded with their last pixels."""
        height, width = images.shape[-2:]
        largest = max(self.strides)
        padding = (0, -width % largest, 0, -height % largest)
        maps = self._maps(F.pad(images, padding, mode="replicate"), self._indices)
        return [
            level[..., : -(-height // stride), : -(-width // stride)]
            for level, stride in zip(maps, self.strides, strict=True)
        ]

    def _maps(self, images: Tensor, indices: list[int] | None) -> list[Tensor]:
        maps: list[Tensor] = self.model.forward_intermediates(  # type: ignore[operator]
            images, indices=indices, norm=True, intermediates_only=True
        )
        return maps


def _timm() -> ModuleType:
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise McwssError(
            f"timm cannot be imported ({reason}): install it with pip install "
            "'napari-mcwss[encoders]', and the torchvision that belongs to your torch"
        ) from error
    found: ModuleType = timm
    return found


def _encoder(create_model: Callable[..., nn.Module], folder: Path, digest: str) -> Encoder:
    """Make the model that is described beside its weights, for images of any size."""
    description = json.loads((folder / CONFIG).read_bytes())
    config = description["pretrained_cfg"]
    arguments = description.get("model_args", {})
    if config.get("fixed_input_size"):
        arguments["dynamic_img_size"] = True
    model = create_model(
        description["architecture"],
        pretrained=True,
        pretrained_cfg={**config, "file": str(folder / WEIGHTS)},
        num_classes=0,
        **arguments,
    )
    levels = _Levels(model.eval())
    return Encoder(levels, levels.strides, levels.widths, config["mean"], config["std"], digest)
