"""Features of an encoder of your own.

python examples/own_encoder.py my-folder

Here it is a network with random weights, which stands for one that you have trained. To keep an
encoder, put its file into ``napari_mcwss/model/encoders/`` and its line into the registry there.
"""

import argparse
import sys
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

import napari_mcwss as mcwss
from napari_mcwss.model.encoders.encoder import Encoder
from napari_mcwss.model.encoders.registry import ENCODERS, EncoderEntry

NAME = "two-levels"


class TwoLevels(nn.Module):
    """Two levels: 16 channels at a quarter of the size, 32 at an eighth."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 16, 7, stride=4, padding=3), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU())

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps of both levels."""
        first = self.first(images)
        return [first, self.second(first)]


def load(_name: str) -> Encoder:
    """Return the encoder; what it finds in slices is kept under the digest of its weights."""
    torch.manual_seed(0)
    network = TwoLevels()
    weights = b"".join(tensor.numpy().tobytes() for tensor in network.state_dict().values())
    half = (0.5, 0.5, 0.5)
    return Encoder(network, (4, 8), (16, 32), half, half, sha256(weights).hexdigest()[:16])


def main(folder: Path) -> None:
    """Register the encoder, and train heads on its features."""
    # ``python this.py`` is the module __main__; the registry names the module and its function.
    source = f"{sys.modules[__name__].__name__}:load"
    ENCODERS[NAME] = EncoderEntry("Two levels", "random", "none", 0.0, source, embedded=True)

    mcwss.write_phantom(folder / "scans", scans=3)
    study = mcwss.Study.create(
        folder / "study",
        scans=folder / "scans",
        channels=["t1c", "flair"],
        classes=["TC", "ED"],
    )
    study.tags.import_masks("seg", {"TC": 1, "ED": 2})
    *learnt, unseen = study.scan_names
    study.train("example", preset="features", encoder=NAME, scans=learnt, progress=False)
    result = study.segment(unseen, model="example", ignore_tags=True, progress=False)
    print({name: round(volume, 1) for name, volume in result.volumes_ml.items()}, "mL")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder, for scans and study")
    main(parser.parse_args().folder)
