"""Canonical order and back, for every way of storing a volume."""

import numpy as np
import pytest
from helpers.orientations import ORIENTATIONS, SHAPE, affine_of, turned

from napari_mcwss.scans.geometry import Geometry


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS)
def test_canonical_axes_point_left_posterior_superior(axes, signs):
    affine = affine_of(axes, signs)
    geometry = Geometry.from_source(SHAPE, affine)
    # Each voxel holds the place in space where it lies.
    indices = np.stack([*np.indices(SHAPE), np.ones(SHAPE)])
    right, anterior, superior = np.einsum("ab,bijk->aijk", affine, indices)[:3]
    place = geometry.to_canonical(np.stack([superior, -anterior, -right]))
    for axis in range(3):
        steps = np.diff(place[axis], axis=axis)
        np.testing.assert_allclose(steps, geometry.spacing[axis])
        others = np.delete(np.arange(3), axis)
        assert np.ptp(place[axis], axis=tuple(others)).max() == 0
    np.testing.assert_allclose(place[:, 0, 0, 0], geometry.affine[:3, 3])
    np.testing.assert_allclose(geometry.affine[:3, :3], np.diag(geometry.spacing))


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS)
def test_to_source_undoes_to_canonical(axes, signs):
    geometry = Geometry.from_source(SHAPE, affine_of(axes, signs) @ turned(9) @ turned(5, (1, 2)))
    voxels = np.arange(2 * np.prod(SHAPE)).reshape(2, *SHAPE)
    canonical = geometry.to_canonical(voxels)
    assert canonical.shape == (2, *geometry.shape)
    assert np.shares_memory(canonical, voxels)
    np.testing.assert_array_equal(geometry.to_source(canonical), voxels)


def test_oblique_affine_places_voxels_where_the_source_does():
    affine = turned(25) @ turned(15, (0, 2)) @ affine_of((1, 2, 0), (-1, 1, -1))
    geometry = Geometry.from_source(SHAPE, affine)
    i, j, k = np.indices(SHAPE)
    for picked in [(0, 0, 0), (2, 1, 2), (1, 2, 0)]:
        source = [geometry.to_canonical(axis)[picked] for axis in (i, j, k)]
        right, anterior, superior = (affine @ [*source, 1])[:3]
        found = geometry.affine @ [*picked, 1]
        np.testing.assert_allclose(found[:3], [superior, -anterior, -right])
    np.testing.assert_allclose(sorted(geometry.spacing), [1, 2, 3])


@pytest.mark.parametrize("noise", [1e-12, -1e-12])
def test_a_turn_by_45_degrees_is_ordered_whatever_the_rounding(noise):
    plain = Geometry.from_source(SHAPE, turned(45))
    noisy = Geometry.from_source(SHAPE, turned(45) + noise)
    assert plain.shape == noisy.shape == (5, 4, 3)


@pytest.mark.parametrize(
    "affine",
    [
        np.diag([1.0, 0, 1, 1]),
        np.full((4, 4), np.nan),
        np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ],
    ids=["zero column", "nan", "flat"],
)
def test_useless_affine_gives_way_to_voxel_sizes(affine):
    with pytest.warns(UserWarning, match=r"voxel sizes of \[2\.0, 3\.0, 1\.0\] mm") as warned:
        geometry = Geometry.from_source(SHAPE, affine, spacing=(2, -3, 0))
    assert "\n" not in str(warned[0].message)
    assert geometry.spacing == (1, 3, 2)
    voxels = np.arange(60).reshape(SHAPE)
    np.testing.assert_array_equal(geometry.to_canonical(voxels), voxels.T)


def test_differences_are_told_with_their_numbers():
    first = Geometry.from_source(SHAPE, np.eye(4))
    shifted = np.eye(4)
    shifted[2, 3] = 2.5
    assert first.differs_from(first) is None
    told = first.differs_from(Geometry.from_source(SHAPE, shifted))
    assert told is not None
    assert "origin" in told
    assert "2.5" in told
    assert "direction" in str(first.differs_from(Geometry.from_source(SHAPE, turned(1))))
    assert "spacing" in str(first.differs_from(Geometry.from_source(SHAPE, 1.1 * np.eye(4))))
    slight = np.eye(4)
    slight[:3, 3] = 9e-4
    assert first.differs_from(Geometry.from_source(SHAPE, slight)) is None


def test_the_same_grid_stored_otherwise_is_no_difference():
    plain = Geometry.from_source((3, 4, 5), affine_of((0, 1, 2), (1, 1, 1), (1, 1, 1), (0, 0, 0)))
    flipped = Geometry.from_source(
        (3, 4, 5), affine_of((0, 1, 2), (-1, 1, 1), (1, 1, 1), (2, 0, 0))
    )
    assert plain.differs_from(flipped) is None


def test_wrong_shape_is_refused():
    geometry = Geometry.from_source(SHAPE, np.eye(4))
    with pytest.raises(ValueError, match="expected"):
        geometry.to_canonical(np.zeros((5, 4, 3)))
