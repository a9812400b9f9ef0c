"""Exclusive masks from CAMs."""

import numpy as np
import pytest

from napari_mcwss.segmentation.exclusive import exclusive_mask, precedence_of
from napari_mcwss.tags.relations import precedence

NONE = np.zeros((2, 2), bool)
CORE_WINS = np.array([[False, True], [False, False]])


@pytest.fixture
def cams() -> np.ndarray:
    """Two classes on three slices: both on the left, the second alone in the middle."""
    maps = np.zeros((2, 3, 4, 6), np.float32)
    maps[0, :, :, :2], maps[1, :, :, :2], maps[1, :, :, 2:4] = 0.7, 0.9, 0.8
    return maps


SURE = np.ones((3, 2), np.float32)


def test_the_class_with_more_evidence_gets_the_pixel(cams):
    mask = exclusive_mask(cams, SURE, precedence=NONE)
    assert np.unique(mask[:, :, :4]).tolist() == [2]
    assert not mask[:, :, 4:].any()


def test_a_class_that_implies_another_is_shown_over_it(cams):
    mask = exclusive_mask(cams, SURE, precedence=CORE_WINS)
    assert np.unique(mask[:, :, :2]).tolist() == [1]
    assert np.unique(mask[:, :, 2:4]).tolist() == [2]


def test_a_slice_classified_negative_is_empty(cams):
    scores = SURE.copy()
    scores[1] = 0.4
    mask = exclusive_mask(cams, scores, precedence=CORE_WINS)
    assert not mask[1].any()
    assert mask[0].any()
    assert exclusive_mask(cams, scores, precedence=CORE_WINS, gate=None)[1].any()


def test_known_tags_override_the_gate(cams):
    scores = np.array([[0.1, 0.1], [0.9, 0.9], [0.9, 0.9]], np.float32)
    tags = np.array([[1, 1], [0, 0], [-1, -1]], np.int8)
    mask = exclusive_mask(cams, scores, precedence=CORE_WINS, tags=tags)
    assert mask[0].any()
    assert not mask[1].any()
    assert mask[2].any()


def test_an_all_zero_map_gives_an_empty_mask(cams):
    assert not exclusive_mask(0 * cams, SURE, precedence=NONE).any()


def test_precedence_is_found_in_tags_and_yields_to_the_users_priorities():
    tags = np.array([[1, 1], [1, 1], [0, 1], [0, 0], [-1, 1]], np.int8)
    found = precedence(tags)
    assert found.tolist() == CORE_WINS.tolist()
    assert precedence_of(found, [0, 0]).tolist() == CORE_WINS.tolist()
    assert precedence_of(found, [0, 1]).tolist() == CORE_WINS.T.tolist()


def test_what_a_class_encloses_on_a_slice_belongs_to_it():
    cams = np.zeros((2, 2, 9, 11), np.float32)
    cams[1, 0, 1:8, 1:10] = 0.8  # oedema, in it a ring of core around nothing
    cams[1, 0, 4, 4] = 0
    cams[0, 0, 3:6, 3:6] = 0.9
    cams[0, 0, 4, 4] = 0
    cams[1, 0, 4, 8] = 0  # a hole of the oedema
    cams[1, 1, 0:5, 0:5] = 0.8
    cams[1, 1, 0:3, 2] = 0  # a bay, open to the border
    mask = exclusive_mask(cams, SURE[:2], precedence=CORE_WINS)
    assert np.unique(mask[0, 3:6, 3:6]).tolist() == [1]
    assert mask[0, 4, 8] == 2
    assert not mask[1, 0:3, 2].any()
    assert (exclusive_mask(cams, SURE[:2], precedence=NONE)[0] == 1).sum() == 9


def test_nothing_is_filled_with_a_class_that_cannot_be_on_the_slice():
    # Two kinds of core enclose a hole together; oedema is tagged absent.
    cams = np.zeros((3, 2, 7, 8), np.float32)
    cams[0, :, 1:6, 1:4] = cams[1, :, 1:6, 4:7] = 0.9
    cams[:, :, 2:5, 3:5] = 0
    wins = np.array([[False, False, True], [False, False, True], [False, False, False]])
    tags = np.array([[1, 1, 0], [1, 1, 1]], np.int8)
    mask = exclusive_mask(cams, np.ones((2, 3), np.float32), precedence=wins, tags=tags)
    assert not (mask[0] == 3).any()
    assert (mask[1] == 3).sum() == 6


def test_a_class_is_not_filled_into_one_it_does_not_win_over():
    cams = np.zeros((2, 1, 7, 7), np.float32)
    cams[0, 0, 1:6, 1:6] = 0.8
    cams[1, 0, 3, 3] = 0.9
    mask = exclusive_mask(cams, SURE[:1], precedence=NONE)
    assert mask[0, 3, 3] == 2
    assert (mask == 1).sum() == 24


def test_masks_of_single_slices_are_those_of_the_whole_scan(cams):
    whole = exclusive_mask(cams, SURE, precedence=CORE_WINS)
    for index in range(3):
        part = slice(index, index + 1)
        alone = exclusive_mask(cams[:, part], SURE[part], precedence=CORE_WINS)
        assert np.array_equal(alone[0], whole[index])
