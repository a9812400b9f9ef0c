"""Strokes grow and remove regions of a mask, and boxes limit classes."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_mcwss.segmentation.strokes.mending import mend, replay
from napari_mcwss.segmentation.strokes.scene import Scene, make_scene
from napari_mcwss.segmentation.strokes.stroke import ClassBox, Stroke

CLASSES = ("core", "oedema")
INNER_FIRST = np.array([[False, True], [False, False]])
APART = np.zeros((2, 2), bool)
SHAPE = (24, 48, 48)


def ball(centre: Sequence[int], radius: float, spacing: Sequence[float] = (1, 1, 1)) -> np.ndarray:
    """Return a ball, bool ``(z, y, x)``."""
    grids = np.ogrid[tuple(slice(0, size) for size in SHAPE)]
    sides = zip(grids, centre, spacing, strict=True)
    found: np.ndarray = sum(((grid - at) * size) ** 2 for grid, at, size in sides) <= radius**2
    return found


def scene_of(*bright: np.ndarray, precedence: np.ndarray = APART, **more: object) -> Scene:
    """Return a noisy scan with bright regions, in which no model has found anything."""
    noise = np.random.default_rng(0).normal(0, 0.1, (1, *SHAPE)).astype(np.float32)
    volume = noise + 1
    for number, region in enumerate(bright, 1):
        volume[0][region] += number
    cams = gaussian_filter(np.full((2, *SHAPE), 0.2, np.float32), 1)
    arguments = {"spacing": (1.0, 1.0, 1.0), **more}
    return make_scene(volume, cams, precedence, (0.5, 0.5), **arguments)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Dice overlap."""
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def click(voxel: tuple[int, int, int], class_name: str = "core", *, add: bool = True) -> Stroke:
    """Return a click."""
    return Stroke(path=(voxel,), class_name=class_name, add=add)


def test_a_click_adds_the_piece_that_the_mask_misses():
    lesion, other = ball((12, 24, 14), 7), ball((12, 24, 38), 6)
    mask = replay(
        np.zeros(SHAPE, np.uint8), [click((12, 24, 14))], scene_of(lesion | other), CLASSES
    )
    assert dice(mask == 1, lesion) > 0.95
    assert not mask[other].any()


def test_a_click_removes_the_piece_that_is_wrong():
    lesion, vessel = ball((12, 24, 14), 7), ball((12, 24, 36), 5)
    before = (lesion | vessel).astype(np.uint8)
    mark = click((12, 24, 36), add=False)
    mask = replay(before, [mark], scene_of(lesion, vessel), CLASSES)
    assert not mask[vessel].any()
    assert (mask[lesion] == 1).all()


def test_a_region_grows_beyond_the_first_box():
    bar = np.zeros(SHAPE, bool)
    bar[8:16, 20:28] = True
    mask = replay(np.zeros(SHAPE, np.uint8), [click((12, 24, 5))], scene_of(bar), CLASSES)
    assert mask[12, 24, 40] == 1


def test_voxels_of_any_shape_give_regions_of_the_same_size():
    spacing = (3.0, 0.7, 0.7)
    lesion = ball((12, 24, 24), 9, spacing)
    scene = scene_of(lesion, spacing=spacing)
    mask = replay(np.zeros(SHAPE, np.uint8), [click((12, 24, 24))], scene, CLASSES)
    assert dice(mask == 1, lesion) > 0.9


def test_a_single_picture_is_mended():
    scene = scene_of(ball((12, 24, 24), 8))
    part = slice(12, 13)
    flat = make_scene(
        scene.volume[:, part], scene.cams[:, part], APART, (0.5, 0.5), (1.0, 1.0, 1.0)
    )
    mask = replay(np.zeros((1, 48, 48), np.uint8), [click((0, 24, 24))], flat, CLASSES)
    assert dice(mask == 1, ball((12, 24, 24), 8)[part]) > 0.9


def test_an_added_class_takes_the_place_of_others():
    lesion = ball((12, 24, 24), 7)
    before = np.where(lesion, 2, 0).astype(np.uint8)
    core = ball((12, 24, 24), 4)
    for precedence in (APART, INNER_FIRST):
        scene = scene_of(lesion, core, precedence=precedence)
        mask = replay(before, [click((12, 24, 24))], scene, CLASSES)
        assert dice(mask == 1, core) > 0.9
        assert (mask[lesion & ~core] == 2).mean() > 0.95


def test_an_outer_class_that_is_added_takes_back_what_the_inner_one_had():
    lesion, core = ball((12, 24, 24), 8), ball((12, 24, 24), 4)
    before = np.where(lesion, 1, 0).astype(np.uint8)
    scene = scene_of(lesion, core, precedence=INNER_FIRST)
    mask = replay(before, [click((12, 24, 30), "oedema")], scene, CLASSES)
    assert (mask[12, 24, 28:31] == 2).all()
    assert (mask[core] == 1).mean() > 0.95


def test_what_is_beneath_a_removed_class_comes_to_light():
    lesion, core = ball((12, 24, 24), 8), ball((12, 24, 24), 4)
    scene = scene_of(lesion, core, precedence=INNER_FIRST)
    scene.cams[1][lesion] = 0.9
    before = np.where(core, 1, np.where(lesion, 2, 0)).astype(np.uint8)
    mask = replay(before, [click((12, 24, 24), add=False)], scene, CLASSES)
    assert (mask[lesion] == 2).mean() > 0.99
    gone = replay(before, [click((12, 24, 24), "oedema", add=False)], scene, CLASSES)
    assert gone[12, 24, 24] == 0


def test_earlier_strokes_hold():
    lesion = ball((12, 24, 24), 8)
    marks = [click((12, 24, 20), add=False), click((12, 24, 29))]
    mask = replay(lesion.astype(np.uint8), marks, scene_of(lesion), CLASSES)
    assert mask[12, 24, 20] == 0
    assert mask[12, 24, 29] == 1


def test_a_class_does_not_grow_onto_slices_that_are_tagged_absent():
    lesion = ball((12, 24, 24), 8)
    tags = np.full((SHAPE[0], 2), -1, np.int8)
    tags[14:, 0] = 0
    mask = replay(
        np.zeros(SHAPE, np.uint8), [click((12, 24, 24))], scene_of(lesion, tags=tags), CLASSES
    )
    assert mask[12].any()
    assert not mask[14:].any()


def test_a_box_limits_a_class_and_what_is_added_later():
    lesion = ball((12, 24, 24), 8)
    box = ClassBox(class_name="core", low=(0, 0, 0), high=(24, 48, 24))
    scene = scene_of(lesion)
    mask = replay(lesion.astype(np.uint8), [box], scene, CLASSES)
    assert not mask[:, :, 24:].any()
    np.testing.assert_array_equal(mask[:, :, :24] == 1, lesion[:, :, :24])
    mask = replay(np.zeros(SHAPE, np.uint8), [box, click((12, 24, 20))], scene, CLASSES)
    assert mask[12, 24, 20] == 1
    assert not mask[:, :, 24:].any()


def test_an_empty_box_lifts_the_limit():
    lesion = ball((12, 24, 24), 8)
    box = ClassBox(class_name="core", low=(0, 0, 0), high=(24, 48, 24))
    lifted = ClassBox(class_name="core", low=(0, 0, 0), high=(0, 0, 0))
    marks = [box, lifted, click((12, 24, 24))]
    mask = replay(np.zeros(SHAPE, np.uint8), marks, scene_of(lesion), CLASSES)
    assert mask[:, :, 24:].any()


@pytest.mark.parametrize(
    "mark",
    [
        click((12, 24, 24), "vessel"),
        click((99, 24, 24)),
        click((12, 24, 24), add=False),
        ClassBox(class_name="core", low=(0, 0, 0), high=(24, 48, 48)),
    ],
)
def test_a_mark_that_changes_nothing_gives_no_patch(mark):
    mask = np.zeros(SHAPE, np.uint8)
    assert mend(mask, mark, scene_of(ball((12, 24, 24), 8)), CLASSES) is None


def test_labels_of_no_class_are_replaced_like_background():
    lesion = ball((12, 24, 24), 8)
    before = np.where(lesion, 9, 0).astype(np.uint8)
    mask = replay(before, [click((12, 24, 24))], scene_of(lesion), CLASSES)
    assert dice(mask == 1, lesion) > 0.9
    assert mend(before, click((12, 24, 24), add=False), scene_of(lesion), CLASSES) is None
