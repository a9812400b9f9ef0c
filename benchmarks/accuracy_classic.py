"""Classic class activation maps (Zhou and others, CVPR 2016), to compare with."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from napari_mcwss.model.losses import classification_loss
from napari_mcwss.model.maps import upsample
from napari_mcwss.model.network import MultiLevelNetwork
from napari_mcwss.model.preset import Maps, Preset, TaggedBatch


class ClassicCam(Preset):
    """One classifier over the mean of the deepest features; its weights make the map.

    Maps are scaled to the maximum of the slice.

    Parameters
    ----------
    channels, classes, width : int
        As in `Preset`.
    """

    compares_pairs: ClassVar[bool] = False

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__(channels, classes, width)
        self.encoder = MultiLevelNetwork(channels, classes, width)
        self.head = nn.Conv2d(16 * width, classes, 1)

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Return the cross-entropy of the tags."""
        pooled = self._maps(batch.images).mean((-2, -1))
        return {"classification": classification_loss(pooled, batch.tags, batch.frequency)}

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Return scores, and maps relative to the maximum of their slice."""
        maps = self._maps(images)
        cams = upsample(maps, images.shape[-2:]).relu() * foreground
        cams = cams / cams.amax((-2, -1), keepdim=True).clamp_min(1e-6)
        return Maps(torch.sigmoid(maps.mean((-2, -1))), cams)

    def _maps(self, images: Tensor) -> Tensor:
        maps: Tensor = self.head(self.encoder.encode(images)[-1])
        return maps
