"""Scans of noise with a bright blob on their later slices."""

import numpy as np

from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan

SLICES, SIDE = 13, 160


def blob_scan(seed: int) -> tuple[Scan, tuple[slice, slice]]:
    """Return a scan and where its blob lies; the first slice is background."""
    rng = np.random.default_rng(seed)
    volume = np.zeros((1, SLICES, SIDE, SIDE), np.float32)
    volume[:, 1:, 2:-2, 2:-2] = 10 + rng.normal(0, 1, (1, SLICES - 1, SIDE - 4, SIDE - 4))
    top, left = rng.integers(10, SIDE - 40, 2)
    place = slice(top, top + 30), slice(left, left + 30)
    volume[0, SLICES // 2 + 1 :, *place] += 5
    geometry = Geometry(volume.shape[:0:-1], np.diag([1.0, 1.0, 3.0, 1.0]))
    return Scan.from_array(f"scan-{seed}", ["t1"], volume, geometry), place


def blob_tags() -> np.ndarray:
    """Return the tags of all slices of a scan."""
    return (np.arange(SLICES) > SLICES // 2).astype(np.int8)[:, None]
