"""The sample data of the napari manifest: a phantom that was generated before.

To generate it takes too long while the window waits, as its libraries have to be loaded.
"""

from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_info

from napari_mcwss.plugin.shared.colormaps import contrast
from napari_mcwss.plugin.shared.layer_geometry import geometry_of
from napari_mcwss.plugin.shared.layers import placement
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_SPACING

STORED = Path(__file__).with_name("phantom.npz")
"""``volume``, int16 ``(channel, z, y, x)``, and ``mask``, uint8 ``(z, y, x)``, of a phantom.

``python tests/helpers/store_phantom.py`` makes it anew.
"""


def phantom_layers() -> list[tuple[Any, dict[str, Any], str]]:
    """Return a scan with a tumour: an image layer for each channel, and the truth as labels."""
    with np.load(STORED, allow_pickle=False) as stored:
        volume, mask = stored["volume"].astype(np.float32), stored["mask"]
    place = placement(geometry_of(mask.shape, {"scale": PHANTOM_SPACING}), "file")
    # napari shows about forty letters: what to do comes first.
    show_info(
        "Tag it by “Use the open layers …”: a button of the Tagging dock, or in its Study menu."
    )
    images = [
        (
            voxels,
            {"name": name, "colormap": "gray", "contrast_limits": contrast(voxels), **place},
            "image",
        )
        for name, voxels in zip(PHANTOM_CHANNELS, volume, strict=True)
    ]
    return [*images, (mask, {"name": "truth", "visible": False, **place}, "labels")]
