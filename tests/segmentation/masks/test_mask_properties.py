"""Masks that are made fast are those of the plain rules, whatever the CAMs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_fill_holes

from napari_mcwss.measurement.sizes import volumes_of
from napari_mcwss.segmentation.masks.exclusive import exclusive_mask
from napari_mcwss.segmentation.masks.holes import find_holes
from napari_mcwss.segmentation.masks.regions import bounding_box

sizes = st.integers(1, 5)
# Few values, so that many are equal to each other and to the threshold.
evidence = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@given(
    data=st.data(), classes=st.integers(1, 3), slices=st.integers(1, 3), rows=sizes, columns=sizes
)
def test_each_voxel_has_the_candidate_of_most_evidence_that_none_wins_over(
    data, classes, slices, rows, columns
):
    cams = data.draw(arrays(np.float32, (classes, slices, rows, columns), elements=evidence))
    allowed = data.draw(arrays(bool, (slices, classes)))
    precedence = data.draw(arrays(bool, (classes, classes))) & ~np.eye(classes, dtype=bool)
    threshold = data.draw(evidence)

    def label(place: tuple[int, ...]) -> int:
        values = cams[(slice(None), *place)]
        there = (values >= threshold) & (values > 0) & allowed[place[0]]
        best = [k for k in range(classes) if there[k] and not (there & precedence[:, k]).any()]
        return 1 + max(best, key=lambda k: values[k]) if best else 0

    expected = np.array([label(place) for place in np.ndindex(cams.shape[1:])], np.uint8)
    made = exclusive_mask(cams, allowed, precedence=precedence, threshold=threshold)
    np.testing.assert_array_equal(made, expected.reshape(made.shape))


@given(data=st.data(), shape=st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)))
def test_holes_are_what_scipy_fills_on_each_slice(data, shape):
    mask = data.draw(arrays(bool, shape))
    filled = np.stack([binary_fill_holes(part) for part in mask])
    np.testing.assert_array_equal(find_holes(mask), filled & ~mask)


@given(data=st.data(), shape=st.tuples(sizes, sizes, sizes))
def test_a_box_holds_all_of_a_mask_and_no_more(data, shape):
    mask = data.draw(arrays(np.uint8, shape, elements=st.integers(0, 2)))
    part = bounding_box(mask, (0, 0, 0))
    places = np.argwhere(mask)
    if part is None:
        assert not places.size
    else:
        assert [side.start for side in part] == places.min(0).tolist()
        assert [side.stop for side in part] == (places.max(0) + 1).tolist()
    counts = [(mask == label).sum() * 0.006 for label in (1, 2)]
    np.testing.assert_allclose(volumes_of(mask, 2, (3.0, 2.0, 1.0)), counts)
