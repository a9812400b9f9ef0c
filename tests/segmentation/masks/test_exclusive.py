"""Exclusive masks from CAMs."""

import numpy as np
import pytest

from napari_mcwss.segmentation.masks.exclusive import allowed_slices, exclusive_mask, precedence_of
from napari_mcwss.tags.relations import precedence

NONE = np.zeros((2, 2), bool)
CORE_WINS = np.array([[False, True], [False, False]])


@pytest.fixture
def cams() -> np.ndarray:
    """Two classes on three slices: both on the left, the second alone in the middle."""
    maps = np.zeros((2, 3, 4, 6), np.float32)
    maps[0, :, :, :2], maps[1, :, :, :2], maps[1, :, :, 2:4] = 0.7, 0.9, 0.8
    return maps


EVERYWHERE = np.ones((3, 2), bool)


def test_the_class_with_more_evidence_gets_the_pixel(cams):
    mask = exclusive_mask(cams, EVERYWHERE, precedence=NONE)
    assert np.unique(mask[:, :, :4]).tolist() == [2]
    assert not mask[:, :, 4:].any()


def test_a_class_that_implies_another_is_shown_over_it(cams):
    mask = exclusive_mask(cams, EVERYWHERE, precedence=CORE_WINS)
    assert np.unique(mask[:, :, :2]).tolist() == [1]
    assert np.unique(mask[:, :, 2:4]).tolist() == [2]


def test_a_slice_classified_negative_is_empty(cams):
    scores = np.array([[0.9, 0.9], [0.4, 0.4], [0.9, 0.9]], np.float32)
    mask = exclusive_mask(cams, allowed_slices(scores), precedence=CORE_WINS)
    assert not mask[1].any()
    assert mask[0].any()
    assert exclusive_mask(cams, allowed_slices(scores, None), precedence=CORE_WINS)[1].any()


def test_known_tags_override_the_gate(cams):
    scores = np.array([[0.1, 0.1], [0.9, 0.9], [0.9, 0.9]], np.float32)
    tags = np.array([[1, 1], [0, 0], [-1, -1]], np.int8)
    mask = exclusive_mask(cams, allowed_slices(scores, tags=tags), precedence=CORE_WINS)
    assert mask[0].any()
    assert not mask[1].any()
    assert mask[2].any()


def test_an_all_zero_map_gives_an_empty_mask(cams):
    for threshold in (0.5, 0.0):
        mask = exclusive_mask(0 * cams, EVERYWHERE, precedence=NONE, threshold=threshold)
        assert not mask.any()


def test_precedence_is_found_in_tags_and_yields_to_the_users_priorities():
    tags = np.array([[1, 1], [1, 1], [0, 1], [0, 0], [-1, 1]], np.int8)
    found = precedence(tags)
    assert found.tolist() == CORE_WINS.tolist()
    assert precedence_of(found, [0, 0]).tolist() == CORE_WINS.tolist()
    assert precedence_of(found, [0, 1]).tolist() == CORE_WINS.T.tolist()


def test_masks_of_single_slices_are_those_of_the_whole_scan(cams):
    whole = exclusive_mask(cams, EVERYWHERE, precedence=CORE_WINS)
    for index in range(3):
        part = slice(index, index + 1)
        alone = exclusive_mask(cams[:, part], EVERYWHERE[part], precedence=CORE_WINS)
        assert np.array_equal(alone[0], whole[index])
