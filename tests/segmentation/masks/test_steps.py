"""Steps from one mask to a better one."""

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.masks.make_masks import make_masks
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.step_kind import StepContext
from napari_mcwss.segmentation.masks.steps import (
    DEFAULT_STEPS,
    STEP_KINDS,
    Step,
    parse_steps,
    steps_text,
)

NONE = np.zeros((2, 2), bool)
CORE_WINS = np.array([[False, True], [False, False]])
SPACING = (2.0, 1.0, 1.0)


def ground(mask, *, cams=None, image=None, allowed=None, precedence=CORE_WINS, threshold=0.5):
    """What steps may look at: evidence that is as the mask says, and a dark image."""
    if cams is None:
        cams = np.stack([mask == 1, mask > 0]).astype(np.float32)
    if allowed is None:
        allowed = np.ones((len(mask), len(precedence)), bool)
    if image is None:
        image = np.zeros((1, *mask.shape), np.float32)
    return StepContext(
        cams, allowed, precedence, (threshold,) * len(precedence), SPACING, lambda: image
    )


def made(cams, *, precedence, allowed=None, steps=DEFAULT_STEPS):
    """Masks of CAMs whose scores are those that are allowed."""
    slices = cams.shape[1]
    scores = np.ones((slices, len(cams))) if allowed is None else allowed.astype(float)
    nothing = np.zeros((1, *cams.shape[1:]), np.float32)
    settings, names = MaskSettings(steps=steps), "abc"[: len(cams)]
    return make_masks(cams, scores, precedence, settings, SPACING, lambda: nothing, names)


def test_steps_are_read_as_they_are_written():
    text = "edges=0.6,superpixels=4,smooth=1.5,small=0.2,holes"
    steps = parse_steps(text)
    assert steps_text(steps) == text
    assert parse_steps(" holes , small ") == (Step("holes"), Step("small", 0.1))
    assert parse_steps("none") == ()
    assert steps_text(()) == "none"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("melt", "no step 'melt': expected none, or any of edges"),
        ("small=much", "has no number after the sign"),
        ("small=1000", "takes 0.01 to 100 mL"),
        ("holes=1", "takes no number"),
        ("", "no step ''"),
    ],
)
def test_other_steps_are_refused_with_what_was_expected(text, said):
    with pytest.raises(McwssError, match=said):
        parse_steps(text)


def test_every_step_is_recorded_and_can_be_seen_before_and_after():
    cams = np.zeros((1, 2, 9, 9), np.float32)
    cams[0, 0, 1:6, 1:6] = 0.9
    cams[0, 0, 3, 3] = 0
    cams[0, 1, 7, 7] = 0.9
    steps = parse_steps("small=0.01,holes")
    before, small, filled = made(cams, precedence=np.zeros((1, 1), bool), steps=steps)
    assert before[1, 7, 7]
    assert not before[0, 3, 3]
    assert not small[1, 7, 7]
    assert not small[0, 3, 3]
    assert not filled[1, 7, 7]
    assert filled[0, 3, 3]
    assert MaskSettings(0.4, steps=steps).record() == {
        "threshold": 0.4,
        "gate": 0.5,
        "tags": False,
        "steps": "small=0.01,holes",
    }


@pytest.mark.parametrize("name", STEP_KINDS)
def test_a_step_leaves_an_empty_mask_and_the_old_one_alone(name):
    empty = np.zeros((3, 8, 8), np.uint8)
    image = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    assert not Step(name).apply(empty, ground(empty, image=image)).any()
    full = np.zeros((3, 8, 8), np.uint8)
    full[1, 2:6, 2:6] = 2
    full[1, 3, 3] = 1
    kept = full.copy()
    Step(name).apply(full, ground(full, image=image))
    np.testing.assert_array_equal(full, kept)


@pytest.mark.parametrize("name", STEP_KINDS)
def test_no_step_gives_a_slice_what_cannot_be_on_it(name):
    rng = np.random.default_rng(1)
    mask = np.zeros((5, 12, 12), np.uint8)
    mask[:, 2:10, 2:10] = 2
    mask[:, 4:8, 4:8] = rng.integers(1, 3, (5, 4, 4))
    allowed = np.ones((5, 2), bool)
    allowed[2] = False
    mask[2] = 0
    cams = rng.random((2, 5, 12, 12)).astype(np.float32)
    image = rng.normal(size=(1, 5, 12, 12)).astype(np.float32)
    refined = Step(name).apply(mask, ground(mask, cams=cams, image=image, allowed=allowed))
    assert not refined[2].any()


def test_what_a_class_encloses_on_a_slice_belongs_to_it():
    cams = np.zeros((2, 2, 9, 11), np.float32)
    cams[1, 0, 1:8, 1:10] = 0.8  # oedema, in it a ring of core around nothing
    cams[1, 0, 4, 4] = 0
    cams[0, 0, 3:6, 3:6] = 0.9
    cams[0, 0, 4, 4] = 0
    cams[1, 0, 4, 8] = 0  # a hole of the oedema
    cams[1, 1, 0:5, 0:5] = 0.8
    cams[1, 1, 0:3, 2] = 0  # a bay, open to the border
    mask = made(cams, precedence=CORE_WINS)[-1]
    assert np.unique(mask[0, 3:6, 3:6]).tolist() == [1]
    assert mask[0, 4, 8] == 2
    assert not mask[1, 0:3, 2].any()
    assert (made(cams, precedence=NONE)[-1][0] == 1).sum() == 9


def test_nothing_is_filled_with_a_class_that_cannot_be_on_the_slice():
    # Two kinds of core enclose a hole together; oedema is tagged absent.
    cams = np.zeros((3, 2, 7, 8), np.float32)
    cams[0, :, 1:6, 1:4] = cams[1, :, 1:6, 4:7] = 0.9
    cams[:, :, 2:5, 3:5] = 0
    wins = np.array([[False, False, True], [False, False, True], [False, False, False]])
    allowed = np.array([[1, 1, 0], [1, 1, 1]], bool)
    mask = made(cams, precedence=wins, allowed=allowed)[-1]
    assert not (mask[0] == 3).any()
    assert (mask[1] == 3).sum() == 6


def test_a_class_is_not_filled_into_one_it_does_not_win_over():
    cams = np.zeros((2, 1, 7, 7), np.float32)
    cams[0, 0, 1:6, 1:6] = 0.8
    cams[1, 0, 3, 3] = 0.9
    mask = made(cams, precedence=NONE)[-1]
    assert mask[0, 3, 3] == 2
    assert (mask == 1).sum() == 24


def test_small_pieces_go_to_what_is_around_them():
    mask = np.zeros((3, 20, 20), np.uint8)
    mask[:, 2:14, 2:14] = 2
    mask[:, 3:8, 3:8] = 1
    mask[1, 11, 11] = 1  # a speck of core in oedema
    mask[1, 17, 17] = 2  # a speck of oedema
    mask[1, 17, 2] = 1  # a speck of core alone
    left = Step("small", 0.05).apply(mask, ground(mask))  # 25 voxels of 2 mm3
    expected = mask.copy()
    expected[1, 11, 11], expected[1, 17, 17], expected[1, 17, 2] = 2, 0, 0
    np.testing.assert_array_equal(left, expected)


def test_a_lesion_is_not_small_because_its_core_fills_it():
    mask = np.zeros((3, 12, 12), np.uint8)
    mask[:, 2:10, 2:10] = 1
    mask[1, 2, 2:6] = 2  # a rim of oedema, small for itself
    left = Step("small", 0.05).apply(mask, ground(mask))
    np.testing.assert_array_equal(left, mask)


def test_what_jumps_on_one_slice_is_smoothed_across_slices():
    mask = np.zeros((9, 10, 10), np.uint8)
    mask[:, 2:6, 2:6] = 2
    mask[4] = 0  # a slice that was missed
    mask[6, 8, 8] = 1  # and one with something alone
    smooth = Step("smooth", 4.0).apply(mask, ground(mask))
    assert (smooth[4, 2:6, 2:6] == 2).all()
    assert not smooth[6, 8, 8]
    assert (smooth[[0, 8], 2:6, 2:6] == 2).all()  # nothing fades at the ends
    assert np.unique(smooth).tolist() == [0, 2]


def square(side: slice) -> np.ndarray:
    image = np.zeros((1, 5, 20, 20), np.float32)
    image[0, 1:4, side, side] = 1
    return image + np.random.default_rng(0).normal(0, 0.02, image.shape).astype(np.float32)


def test_a_random_walk_from_sure_evidence_ends_at_the_edge_of_the_image():
    image = square(slice(4, 16))
    truth = image[0] > 0.5
    cams = np.full((2, 5, 20, 20), 0.02, np.float32)
    cams[1, 1:4, 2:18, 2:18] = 0.55  # doubtful: too large by far
    cams[1, 1:4, 7:13, 7:13] = 0.95
    cams[1, :, :2] = cams[1, :, -2:] = 0.02
    cams[0] = 0
    mask = ((cams[1] >= 0.5) * 2).astype(np.uint8)
    walked = Step("edges", 0.8).apply(mask, ground(mask, cams=cams, image=image))
    assert np.mean((mask > 0) == truth) < 0.9
    assert np.mean((walked == 2) == truth) > 0.98


def test_a_class_of_which_nothing_is_sure_is_left_to_its_evidence():
    image = square(slice(4, 16))
    cams = np.zeros((2, 5, 20, 20), np.float32)
    cams[1, 1:4, 4:16, 4:16] = 0.95
    cams[0, 1:4, 4:16, 4:16] = 0.4  # core or not: sure nowhere but in the middle
    cams[0, 1:4, 8:12, 8:12] = 0.95
    mask = np.where(cams[0] >= 0.5, 1, np.where(cams[1] >= 0.5, 2, 0)).astype(np.uint8)
    walked = Step("edges", 0.8).apply(mask, ground(mask, cams=cams, image=image))
    np.testing.assert_array_equal(walked, mask)


def test_superpixels_end_at_the_edge_of_the_image():
    image = square(slice(4, 16))
    truth = image[0] > 0.5
    mask = np.zeros((5, 20, 20), np.uint8)
    mask[1:4, 5:17, 4:16] = 2  # one pixel too low
    snapped = Step("superpixels", 3.0).apply(mask, ground(mask, image=image))
    assert np.mean((snapped == 2) == truth) > np.mean((mask == 2) == truth)
