"""A preset of your own: classic class activation maps (Zhou and others, CVPR 2016).

python examples/own_preset.py my-folder

To keep a preset, put its file into ``napari_mcwss/model/presets/`` and its line into the registry
there.
"""

import argparse
import sys
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

import napari_mcwss as mcwss
from napari_mcwss.model.losses import classification_loss
from napari_mcwss.model.maps import upsample
from napari_mcwss.model.network import MultiLevelNetwork
from napari_mcwss.model.preset import Maps, Preset, TaggedBatch
from napari_mcwss.model.presets.registry import PRESETS, PresetEntry

NAME = "classic"


class ClassicCam(Preset):
    """One classifier over the mean of the deepest features; its weights make the map."""

    compares_pairs: ClassVar[bool] = False

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        super().__init__(channels, classes, width, pixel)
        self.encoder = MultiLevelNetwork(channels, classes, width)
        self.head = nn.Conv2d(16 * width, classes, 1)

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Return the cross-entropy of the tags; unknown ones have no weight in it."""
        pooled = self._evidence(batch.images).mean((-2, -1))
        return {"classification": classification_loss(pooled, batch.tags, batch.frequency)}

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Return scores, and maps relative to the maximum of their slice."""
        evidence = self._evidence(images)
        cams = upsample(evidence, (images.shape[-2], images.shape[-1])).relu() * foreground
        cams = cams / cams.amax((-2, -1), keepdim=True).clamp_min(1e-6)
        return Maps(torch.sigmoid(evidence.mean((-2, -1))), cams)

    @property
    def inspected(self) -> nn.Module:
        """The deepest block, for LayerCAM."""
        return self.encoder.encoder.blocks[-1]

    def _evidence(self, images: Tensor) -> Tensor:
        evidence: Tensor = self.head(self.encoder.encode(images)[-1])
        return evidence


def main(folder: Path) -> None:
    """Register the preset, train it, and segment a scan that it has not seen."""
    # ``python this.py`` is the module __main__; the registry names the module and its class.
    source = f"{sys.modules[__name__].__name__}:ClassicCam"
    PRESETS[NAME] = PresetEntry("classic CAM", "the mean of the deepest features", source)

    mcwss.write_phantom(folder / "scans", scans=3)
    study = mcwss.Study.create(
        folder / "study",
        scans=folder / "scans",
        channels=["t1c", "flair"],
        classes=["TC", "ED"],
    )
    study.tags.import_masks("seg", {"TC": 1, "ED": 2})
    *learnt, unseen = study.scan_names
    study.train("example", preset=NAME, epochs=12, scans=learnt, progress=False)
    result = study.segment(unseen, model="example", ignore_tags=True, progress=False)
    print({name: round(volume, 1) for name, volume in result.volumes_ml.items()}, "mL")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder, for scans and study")
    main(parser.parse_args().folder)
