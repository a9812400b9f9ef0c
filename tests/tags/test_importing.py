"""A class is present where a slice has at least one voxel of its values."""

import numpy as np

from napari_mcwss.tags.importing import tags_from_mask


def test_one_voxel_is_enough():
    mask = np.zeros((4, 5, 6), np.int32)
    mask[1, 4, 5] = 4
    mask[2, 0, 0] = 1
    mask[2, 0, 1] = 2
    mask[3] = 3
    tags = tags_from_mask(mask, {"ED": [2], "TC": [1, 4], "none": [9]})
    assert tags.classes == ("ED", "TC", "none")
    assert tags.values.dtype == np.int8
    assert tags.values.tolist() == [[0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]]
