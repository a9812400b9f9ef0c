"""Thresholds that are moved until classes have a volume that is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.masks.exclusive import exclusive_mask
from napari_mcwss.segmentation.masks.make_masks import make_masks
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.volume_ranges import (
    VolumeRange,
    fitted_thresholds,
    parse_ranges,
)
from napari_mcwss.segmentation.results import load_mask, stored_settings

SPACING = (10.0, 10.0, 10.0)  # a voxel has 1 mL
CORE_WINS = np.array([[False, True], [False, False]])
EVERYWHERE = np.ones((2, 2), bool)


@pytest.fixture
def cams() -> np.ndarray:
    """40 voxels: the core has 0.1 to 0.4 on the left, the lesion 0.025 to 1 everywhere."""
    maps = np.zeros((2, 2, 4, 5), np.float32)
    maps[1].flat[:] = np.arange(1, 41) / 40
    maps[0, 0, :, 0] = (0.1, 0.2, 0.3, 0.4)
    return maps


def made(cams, *, allowed=EVERYWHERE, **volumes):
    settings = MaskSettings(
        steps=(), volumes=parse_ranges([f"{k}={v}" for k, v in volumes.items()], "ab")
    )
    nothing = np.zeros((1, *cams.shape[1:]), np.float32)
    scores = allowed.astype(np.float32)
    return make_masks(cams, scores, CORE_WINS, settings, SPACING, lambda: nothing, "ab")


def test_a_class_grows_and_shrinks_just_so_far_that_its_volume_lies_in_the_range(cams):
    plain, grown = made(cams, b="30:35")
    assert (plain == 2).sum() == 21
    assert (grown == 2).sum() == 30
    assert (made(cams, b="5:10")[-1] == 2).sum() == 10
    assert len(made(cams)) == 1
    np.testing.assert_array_equal(*made(cams, b="20:22"))


def test_a_volume_counts_the_classes_inside(cams):
    mask = made(cams, a="3:4", b="25:30")[-1]
    assert (mask == 1).sum() == 3
    assert (mask > 0).sum() == 25
    np.testing.assert_array_equal(mask[0, :, 0], [0, 1, 1, 1])


def test_inner_classes_can_be_more_than_a_class_may_have(cams):
    cams[0, 0] = 0.9
    assert (made(cams, b=":10")[-1] == 1).sum() == 20
    assert not (made(cams, b=":10")[-1] == 2).any()
    cams[1] = 0
    assert not (made(cams, b=":10")[-1] == 2).any()


def test_voxels_that_another_class_takes_do_not_count(cams):
    cams[0, 0], cams[0, 1] = 0.9, 0.2
    cams[1] = 0.0
    cams[1, 0, 0] = 0.95

    def volumes(**ranges):
        wanted = {
            "ab".index(k): v
            for k, v in parse_ranges([*map("=".join, ranges.items())], "ab").items()
        }
        apart = np.zeros((2, 2), bool)
        moved = fitted_thresholds(cams, EVERYWHERE, apart, (0.5, 0.5), wanted, SPACING)
        mask = exclusive_mask(cams, EVERYWHERE, precedence=apart, threshold=moved)
        return int((mask == 1).sum()), int((mask == 2).sum())

    assert volumes() == (15, 5)
    assert volumes(a="16:") == (35, 5), "all 20 of equal evidence"
    assert volumes(a="19:", b=":0") == (20, 0), "what b must not have is free again"


def test_a_class_that_cannot_be_on_a_slice_stays_absent(cams):
    allowed = np.array([[0, 0], [0, 1]], bool)
    mask = made(cams, allowed=allowed, a="3:", b="25:")[-1]
    assert not (mask == 1).any()
    assert not mask[0].any()
    assert (mask[1] == 2).all(), "less than the range, as no more slices can hold it"


def test_equal_evidence_is_taken_together_and_never_beyond_the_range():
    cams = np.full((1, 1, 4, 5), 0.3, np.float32)
    cams[0, 0, 0] = 0.8
    alone = np.zeros((1, 1), bool)

    def volume(low, high):
        moved = fitted_thresholds(
            cams, np.ones((1, 1), bool), alone, (0.5,), {0: VolumeRange(low, high)}, SPACING
        )
        return int((cams >= moved[0]).sum())

    assert volume(7, 30) == 20
    assert volume(7, 12) == 5
    assert volume(0, 3) == 0


@given(
    cam=arrays(np.float32, (1, 2, 3, 4), elements=st.sampled_from([0, 0.1, 0.2, 0.5, 0.6, 1])),
    low=st.integers(0, 25),
    more=st.integers(0, 10),
)
def test_no_threshold_lies_nearer_to_the_old_one(cam, low, more):
    everywhere, alone = np.ones((2, 1), bool), np.zeros((1, 1), bool)
    wanted = {0: VolumeRange(low, low + more)}
    (moved,) = fitted_thresholds(cam, everywhere, alone, (0.5,), wanted, SPACING)

    def volume(threshold):
        return int(((cam >= threshold) & (cam > 0)).sum())

    fitting = [t for t in (0.01, 0.1, 0.2, 0.5, 0.6, 1.0, 2.0) if low <= volume(t) <= low + more]
    if fitting:
        assert volume(moved) == volume(min(fitting, key=lambda t: abs(t - 0.5)))
    else:
        assert volume(moved) <= low + more


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "is not a range of volumes"),
        ("a=5", "is not a range of volumes"),
        ("a=few:many", "is not a range of volumes"),
        ("a=:", "is not a range of volumes"),
        ("a=nan:9", "expected numbers of 0 or more"),
        ("a=inf:", "expected numbers of 0 or more"),
        ("a=:-1", "expected numbers of 0 or more"),
        ("a=9:2", "at least 9 mL and at most 2 mL"),
        ("c=2:9", "no class 'c' for a volume: expected a, b"),
    ],
)
def test_other_ranges_are_refused_with_what_was_expected(text, said):
    with pytest.raises(McwssError, match=said):
        parse_ranges([text], "ab")


def test_a_class_has_one_range_only():
    with pytest.raises(McwssError, match="two volumes of 'a'"):
        parse_ranges(["a=2:", "a=:9"], "ab")


def test_ranges_are_read_as_they_are_written():
    ranges = parse_ranges(["a=2:", "b=:60.5"], "ab")
    assert ranges == {"a": VolumeRange(2, math.inf), "b": VolumeRange(0, 60.5)}
    assert parse_ranges([f"{name}={found}" for name, found in ranges.items()], "ab") == ranges


def test_the_command_writes_masks_of_such_volumes_and_records_them(segmented_study, run):
    study = segmented_study
    scan = study.scan_names[0]
    voxel = np.prod(study.scan(scan).geometry.spacing) / 1000
    options = ("mask", study.folder, "--model", "model-1", "--scans", scan, "--steps", "none")
    run(*options)
    plain = (load_mask(study, "model-1", scan) > 0).sum()
    assert "volumes" not in stored_settings(study, "model-1", scan)
    most = plain * voxel / 2
    run(*options, "--volume", f"ED=:{most}")
    mask = load_mask(study, "model-1", scan)
    assert 0 < (mask > 0).sum() <= plain / 2
    assert stored_settings(study, "model-1", scan)["volumes"] == {"ED": f":{most:g}"}
