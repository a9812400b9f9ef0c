"""Which preset is taken, and which classes none predicts."""

import numpy as np
import pytest

from napari_mcwss.training.features.choice import TOLERANCE, choose, unpredictable


@pytest.mark.parametrize(
    ("larger", "smaller", "taken"),
    [
        ({"a": 0.9}, {"a": 0.95}, True),
        ({"a": 0.9}, {"a": 0.9 - TOLERANCE / 2}, True),
        ({"a": 0.9}, {"a": 0.9 - 2 * TOLERANCE}, False),
        ({"a": 0.9, "b": 0.6}, {"a": 0.7, "b": 0.9}, True),
        ({"a": 0.9, "b": 0.8}, {"a": 0.95, "b": 0.6}, False),
    ],
)
def test_the_smaller_reach_is_taken_if_its_mean_auc_is_about_as_good(larger, smaller, taken):
    choice = choose(larger, smaller)
    assert choice.smaller == taken
    assert choice.reason.startswith("auto chose local," if taken else "auto chose features:")


def test_only_classes_with_both_aucs_are_compared():
    assert choose({"a": 0.9, "b": 1.0}, {"a": 0.9}).smaller


@pytest.mark.parametrize("aucs", [({}, {}), ({"a": 0.9}, {}), ({"a": 0.9}, {"b": 0.9})])
def test_without_anything_to_compare_the_larger_reach_stays(aucs):
    choice = choose(*aucs)
    assert not choice.smaller
    assert "too few slices of held-back scans" in choice.reason


def tags(present: int, absent: int) -> np.ndarray:
    return np.array([[1]] * present + [[0]] * absent + [[-1]] * 50, np.int8)


@pytest.mark.parametrize(
    ("aucs", "present", "absent", "found"),
    [
        ([0.6], 200, 200, ("a",)),
        ([0.7], 200, 200, ()),
        ([0.6, 0.9], 200, 200, ()),
        ([0.75], 3, 20, ("a",)),
        ([0.95], 3, 20, ()),
        ([], 200, 200, ()),
    ],
)
def test_a_class_fails_if_its_best_auc_is_near_chance_for_so_many_slices(
    aucs, present, absent, found
):
    each = [{"a": auc} for auc in aucs]
    assert unpredictable(each, tags(present, absent), ["a"]) == found
