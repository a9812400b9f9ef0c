import math
import subprocess
import sys

import numpy as np
import pytest

from napari_mcwss.measurement.measure import measure

SHAPE = (6, 9, 7)
SPACING = (3.0, 2.0, 1.0)


def box(*bounds: slice, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[bounds] = True
    return mask


@pytest.fixture
def references() -> np.ndarray:
    core = box(slice(2, 4), slice(3, 6), slice(2, 4))
    oedema = box(slice(1, 5), slice(2, 8), slice(1, 6)) & ~core
    return np.stack([core, oedema])


def test_a_mask_against_itself(references):
    m = measure(references[0], references[0], SPACING)
    assert (m.dice, m.hd95_mm, m.sensitivity, m.precision) == (1, 0, 1, 1)
    assert m.volume_ml == m.reference_ml == pytest.approx(12 * 6 / 1000)


def test_ratios_follow_their_definitions():
    rng = np.random.default_rng(0)
    mask, reference = rng.random((2, *SHAPE)) < 0.4
    m = measure(mask, reference, SPACING)
    both = (mask & reference).sum()
    assert m.dice == pytest.approx(2 * both / (mask.sum() + reference.sum()))
    assert m.sensitivity == pytest.approx(both / reference.sum())
    assert m.precision == pytest.approx(both / mask.sum())


@pytest.mark.parametrize(("axis", "millimetres"), [(0, 3.0), (1, 2.0), (2, 1.0)])
def test_distances_are_in_millimetres_along_every_axis(axis, millimetres):
    reference = box(slice(1, 3), slice(1, 3), slice(1, 3))
    moved = np.roll(reference, 2, axis)
    assert measure(moved, reference, SPACING).hd95_mm == pytest.approx(2 * millimetres)


def test_the_distance_is_a_percentile_and_the_larger_direction():
    reference = box(slice(0, 10), slice(0, 10), slice(0, 10), shape=(10, 10, 40))
    stray = reference.copy()
    stray[0, 0, 39] = True
    assert measure(stray, reference, SPACING).hd95_mm == 0
    half = box(slice(0, 10), slice(0, 10), slice(0, 5), shape=(10, 10, 40))
    forth, back = measure(half, reference, SPACING), measure(reference, half, SPACING)
    assert forth.hd95_mm == back.hd95_mm == pytest.approx(5)


def test_cropping_changes_nothing(references):
    offset = (40, 60, 50)
    mask = np.roll(references[0], 1, 2)
    small = measure(mask, references[0], SPACING)
    pads = [(o, 20) for o in offset]
    assert measure(np.pad(mask, pads), np.pad(references[0], pads), SPACING) == small


def test_empty_masks_follow_the_stated_policy(references):
    full, empty = references[1], np.zeros(SHAPE, bool)
    both = measure(empty, empty, SPACING)
    assert (both.dice, both.hd95_mm, both.sensitivity, both.precision) == (1, 0, 1, 1)
    missed = measure(empty, full, SPACING)
    assert (missed.dice, missed.sensitivity, missed.volume_ml) == (0, 0, 0)
    assert math.isnan(missed.hd95_mm)
    assert math.isnan(missed.precision)
    invented = measure(full, empty, SPACING)
    assert (invented.dice, invented.precision, invented.reference_ml) == (0, 0, 0)
    assert math.isnan(invented.hd95_mm)
    assert math.isnan(invented.sensitivity)


def test_importing_loads_no_torch():
    code = (
        "import sys, napari_mcwss.measurement.measure, napari_mcwss.measurement.tables; "
        "sys.exit(bool({'torch', 'monai'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
