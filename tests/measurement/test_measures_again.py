"""Measures against a second implementation that shares no code with ours: SimpleITK."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from napari_mcwss.measurement.measure import measure
from napari_mcwss.measurement.sizes import size_of
from napari_mcwss.measurement.surfaces import surface_distances

SHAPE = (7, 12, 10)

Pair = tuple[np.ndarray, np.ndarray, tuple[float, float, float]]


def degenerate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Masks that are empty, full, one voxel, one line, one slice, the same, or apart."""
    empty, full = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    voxel, corner, line, plane = (empty.copy() for _ in range(4))
    voxel[3, 5, 4] = True
    corner[0, 0, 0] = True
    line[2, 3, :] = True
    plane[4] = True
    shell = full.copy()
    shell[2:5, 3:9, 3:7] = False
    masks = [empty, full, voxel, corner, line, plane, shell]
    yield from ((a, b) for i, a in enumerate(masks) for b in masks[i:])


def pairs() -> list[Pair]:
    """50 pairs: the degenerate ones, then blobs and noise."""
    rng = np.random.default_rng(6)
    found = list(degenerate())
    while len(found) < 50:
        noise = rng.random((2, *SHAPE))
        if len(found) % 2:
            for axis in (1, 2, 3):
                noise = noise + np.roll(noise, 1, axis)
        one, other = noise > np.quantile(noise, rng.uniform(0.3, 0.97))
        found.append((one, other))
    spacings = [(3.0, 1.0, 0.5), (1.0, 1.0, 1.0), (0.7, 2.0, 1.3)]
    return [(one, other, spacings[i % 3]) for i, (one, other) in enumerate(found)]


@pytest.mark.parametrize("pair", pairs())
def test_measures_are_those_of_simpleitk(pair):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    mask, reference, spacing = pair
    ours = measure(mask, reference, spacing)

    def image(array: np.ndarray):
        # With a margin, as an image's border is no surface to SimpleITK.
        made = sitk.GetImageFromArray(np.pad(array, 1).astype(np.uint8))
        made.SetSpacing(spacing[::-1])
        return made

    a, b = image(mask), image(reference)
    counted = sitk.StatisticsImageFilter()
    for volume, picture in ((ours.volume_ml, a), (ours.reference_ml, b)):
        counted.Execute(picture)
        assert volume == pytest.approx(counted.GetSum() * math.prod(spacing) / 1000)
    if not (mask.any() or reference.any()):
        assert (ours.dice, ours.sensitivity, ours.precision) == (1, 1, 1)
        assert (ours.hd95_mm, ours.surface_mm) == (0, 0)
        return
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(a, b)  # source, target
    assert ours.dice == pytest.approx(overlap.GetDiceCoefficient())
    if reference.any():
        assert ours.sensitivity == pytest.approx(1 - overlap.GetFalseNegativeError())
    else:
        assert math.isnan(ours.sensitivity)
    if mask.any():
        assert ours.precision == pytest.approx(1 - overlap.GetFalseDiscoveryRate())
    else:
        assert math.isnan(ours.precision)
    if not (mask.any() and reference.any()):
        assert math.isnan(ours.hd95_mm)
        assert math.isnan(ours.surface_mm)
        return

    def contour(one):
        return sitk.LabelContour(one, fullyConnected=False)

    def distances(one, other) -> np.ndarray:
        surface = sitk.GetArrayFromImage(contour(one)) > 0
        to = sitk.SignedMaurerDistanceMap(
            contour(other), squaredDistance=False, useImageSpacing=True
        )
        return np.maximum(sitk.GetArrayFromImage(to)[surface], 0)

    forth, back = distances(a, b), distances(b, a)
    hd95 = max(np.percentile(forth, 95), np.percentile(back, 95))
    assert ours.hd95_mm == pytest.approx(hd95, rel=1e-4, abs=1e-4)
    mean = np.concatenate([forth, back]).mean()
    assert ours.surface_mm == pytest.approx(mean, rel=1e-4, abs=1e-4)
    # SimpleITK's own filter knows the largest distance alone, and between surfaces only as such.
    contours = sitk.HausdorffDistanceImageFilter()
    contours.Execute(contour(a), contour(b))
    largest = surface_distances(mask, reference, spacing).hausdorff(100)
    assert largest == pytest.approx(contours.GetHausdorffDistance(), rel=1e-4, abs=1e-4)


def test_there_are_50_pairs_of_which_many_are_degenerate():
    assert len(pairs()) == 50
    assert sum(not (a.any() and b.any()) for a, b, _ in pairs()) == 7


class TestSize:
    def test_an_ellipse_has_its_longer_axis_as_diameter(self):
        z, y, x = np.ogrid[:5, :60, :60]
        mask = ((y - 30) / 10) ** 2 + ((x - 30) / 20) ** 2 + 0 * z <= 1
        assert size_of(mask, (4.0, 1.0, 1.0)).diameter_mm == pytest.approx(40, abs=1.1)
        assert size_of(mask, (4.0, 3.0, 1.0)).diameter_mm == pytest.approx(60, abs=4)

    def test_the_diameter_is_that_of_one_piece_on_one_slice(self):
        mask = np.zeros((4, 30, 30), bool)
        mask[0, 2, 2:8] = True
        mask[1, 2, 20:29] = True  # on another slice, it is another piece
        mask[1, 25, 2:5] = True  # far away on the slice
        found = size_of(mask, (1.0, 1.0, 2.0))
        assert found.diameter_mm == pytest.approx(18)
        assert found.slices == 2

    def test_the_largest_piece_is_found_among_many(self):
        rng = np.random.default_rng(1)
        mask = rng.random((6, 40, 40)) < 0.1
        mask[3, 5:35, 20] = True
        assert size_of(mask, (1.0, 1.0, 1.0)).diameter_mm >= 30

    def test_one_voxel_and_none(self):
        mask = np.zeros((3, 5, 5), bool)
        assert size_of(mask, (2.0, 1.0, 1.0)) == size_of(mask, (1.0, 1.0, 1.0))
        mask[1, 2, 2] = True
        found = size_of(mask, (2.0, 1.0, 1.0))
        assert (found.volume_ml, found.diameter_mm, found.slices) == (0.002, 1.0, 1)
