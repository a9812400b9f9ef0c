"""Reference masks as they are trusted and measured against."""

import numpy as np

from napari_mcwss.project import Study
from napari_mcwss.segmentation.references import read_labels, read_references


def test_of_classes_that_share_values_the_smaller_one_has_its_voxels(tagged_study: Study):
    values = {"TC": (1, 2), "ED": (1,)}
    name = tagged_study.scan_names[0]
    ((_, (larger, smaller)),) = read_references(tagged_study, "seg", values, [name])
    assert 0 < smaller.sum() < larger.sum()
    labels = read_labels(tagged_study, "seg", values, [name])[name]
    np.testing.assert_array_equal(labels == 2, smaller)
    np.testing.assert_array_equal(labels == 1, larger & ~smaller)
