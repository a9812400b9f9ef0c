"""Generate the sample data anew, after a change of `phantom_scan`."""

import numpy as np

from napari_mcwss.plugin.sample import STORED
from napari_mcwss.scans.phantom import phantom_scan

if __name__ == "__main__":
    volume, mask, _ = phantom_scan()
    np.savez_compressed(STORED, volume=volume.round().astype(np.int16), mask=mask)
