"""The sample data are a phantom of this package, stored."""

import numpy as np

from napari_mcwss.plugin.sample import STORED
from napari_mcwss.scans.phantom import phantom_scan


def test_the_stored_phantom_is_the_one_that_is_generated():
    volume, mask, _ = phantom_scan()
    with np.load(STORED, allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["mask"], mask)
        # Filters may round differently elsewhere.
        assert np.abs(stored["volume"] - volume).max() <= 1
