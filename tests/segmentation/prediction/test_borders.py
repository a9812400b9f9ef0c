"""Maps that end where the scan's own intensities say."""

import numpy as np
import pytest

from napari_mcwss.segmentation.prediction.borders import follow_image

SPACING = (1.0, 1.0, 1.0)
SHAPE = (6, 48, 48)
ALL = np.ones(SHAPE, bool)


def ball(radius: float) -> np.ndarray:
    """A cylinder through all slices."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    return np.broadcast_to((y - 24) ** 2 + (x - 24) ** 2 < radius**2, SHAPE)


def picture(*regions: np.ndarray, channels: int = 1) -> np.ndarray:
    """Noise, brighter by five deviations in each region."""
    noise = np.random.default_rng(0).normal(size=(channels, *SHAPE))
    return (noise + 5 * np.sum(regions, axis=0)).astype(np.float32)


def followed(
    cams, image, parents=(-1,), scores=None, foreground=ALL, spacing=SPACING
) -> np.ndarray:
    cams = np.array(cams, np.float32)
    scores = np.ones((SHAPE[0], len(cams))) if scores is None else scores
    follow_image(cams, scores, image, foreground, spacing, parents)
    return cams


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())


@pytest.mark.parametrize("found", [6, 18])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_a_map_too_small_or_too_large_ends_at_the_lesions_border(found, channels):
    lesion = ball(12)
    cam = np.where(ball(6), 0.9, np.where(ball(found), 0.6, np.where(ball(18), 0.35, 0.1)))
    assert dice(cam >= 0.5, lesion) < 0.85
    result = followed([cam], picture(lesion, channels=channels))[0]
    assert dice(result >= 0.5, lesion) > 0.97
    assert result.min() >= 0
    assert result.max() <= 1


def test_an_image_that_says_nothing_leaves_the_map_as_it_was():
    cam = np.where(ball(12), 0.9, 0.1).astype(np.float32)
    np.testing.assert_array_equal(followed([cam], picture())[0], cam)


@pytest.mark.parametrize("image", [0.0, 7.0])
def test_a_constant_image_leaves_the_mask_as_it_was(image):
    cam = np.where(ball(12), 0.9, 0.1)
    result = followed([cam], np.full((1, *SHAPE), image, np.float32))[0]
    assert dice(result >= 0.5, ball(12)) > 0.95


def test_a_class_inside_another_is_told_from_that_one():
    whole, core = ball(16), ball(8)
    share = np.where(ball(5), 0.9, np.where(ball(11), 0.55, 0.2))
    inner, outer = followed(
        [share, np.where(ball(13), 0.8, np.where(ball(20), 0.3, 0.1))],
        picture(whole, core),
        parents=(1, -1),
    )
    assert dice(outer >= 0.5, whole) > 0.97
    assert dice((inner >= 0.5) & whole, core) > 0.95


def test_a_class_two_levels_down_is_told_inside_all_that_it_lies_in():
    whole, middle, core = ball(18), ball(12), ball(6)
    # What a share says outside of its parent means nothing.
    shares = [np.where(ball(6) | ~whole, 0.9, 0.2), np.where(ball(10) | ~whole, 0.9, 0.2)]
    root = np.where(ball(15), 0.8, np.where(ball(20), 0.3, 0.1))
    inner, between, outer = followed(
        [*shares, root], picture(whole, middle, core), parents=(1, 2, -1)
    )
    outside = outer < 0.5
    assert dice(~outside, whole) > 0.97
    for result, before in zip((inner, between), shares, strict=True):
        np.testing.assert_array_equal(result[outside], before[outside].astype(np.float32))
    assert dice((inner >= 0.5) & ~outside, core) > 0.9


def test_what_looks_like_a_lesion_elsewhere_is_none():
    elsewhere = np.zeros(SHAPE, bool)
    elsewhere[2:4, 3:9, 3:9] = True
    cam = np.where(ball(6), 0.9, np.where(ball(18) | elsewhere, 0.45, 0.1))
    result = followed([cam], picture(ball(12), elsewhere))[0]
    assert not (result[elsewhere] >= 0.5).any()
    assert dice(result >= 0.5, ball(12)) > 0.97


def test_slices_that_hold_nothing_are_left_as_they_are():
    cam = np.where(ball(8), 0.9, np.where(ball(18), 0.35, 0.1))
    scores = np.array([[1.0]] * 3 + [[0.1]] * 3)
    result = followed([cam], picture(ball(12)), scores=scores)[0]
    np.testing.assert_array_equal(result[3:], cam[3:].astype(np.float32))
    assert dice(result[:3] >= 0.5, ball(12)[:3]) > 0.97
    untouched = followed([cam], picture(ball(12)), scores=np.zeros((6, 1)))[0]
    np.testing.assert_array_equal(untouched, cam.astype(np.float32))


def test_nothing_is_found_outside_the_foreground():
    cam = np.where(ball(14), 0.9, 0.1) * ball(10)
    result = followed([cam], picture(ball(12)), foreground=ball(10))[0]
    assert not result[~ball(10)].any()


@pytest.mark.parametrize("around", [0.05, 0.6, 0.95])
def test_a_map_without_two_sides_stays_as_it_is(around):
    cam = np.where(ball(12), 0.45 if around < 0.5 else 0.9, around).astype(np.float32)
    np.testing.assert_array_equal(followed([cam], picture(ball(12)))[0], cam)


def test_thick_slices_and_tiny_scans_are_no_trouble():
    cam = np.where(ball(6), 0.9, np.where(ball(18), 0.35, 0.1))
    result = followed([cam], picture(ball(12)), spacing=(6.0, 1.0, 1.0))[0]
    assert dice(result >= 0.5, ball(12)) > 0.97
    tiny = np.full((1, 1, 2, 2), 0.7, np.float32)
    follow_image(tiny, np.ones((1, 1)), tiny.copy(), np.ones((1, 2, 2), bool), SPACING, (-1,))
    np.testing.assert_array_equal(tiny, np.float32(0.7))
