"""Volumes and distances are true where the axes of a scan are not at right angles."""

import pickle

import numpy as np
import pytest

from napari_mcwss.base.voxel_size import ShearedSize, in_mm, voxel_volume
from napari_mcwss.measurement.measure import measure
from napari_mcwss.measurement.sizes import size_of, volumes_of
from napari_mcwss.scans.geometry import Geometry

TILTED = np.diag([1.0, 1, 2, 1])
TILTED[1, 2] = 2 * np.tan(np.radians(15))


def tilted_size():
    return Geometry.from_source((24, 20, 12), TILTED).spacing


def test_only_a_sheared_grid_has_a_sheared_size():
    assert isinstance(tilted_size(), ShearedSize)
    turned = np.eye(4)
    turned[:2, :2] = [[0.6, -0.8], [0.8, 0.6]]
    for affine in (np.diag([-1.0, 1, 5, 1]), turned):
        assert type(Geometry.from_source((3, 4, 5), affine).spacing) is tuple


def test_a_voxel_has_the_volume_of_the_determinant():
    assert voxel_volume(tilted_size()) == pytest.approx(2)
    assert voxel_volume((5.0, 0.5, 0.5)) == 1.25
    mask = np.ones((12, 20, 24), np.uint8)
    assert size_of(mask > 0, tilted_size()).volume_ml == pytest.approx(11.52)
    assert volumes_of(mask, 1, tilted_size()) == pytest.approx((11.52,))
    assert measure(mask > 0, mask > 0, tilted_size()).volume_ml == pytest.approx(11.52)


def test_distances_follow_the_axes():
    first, last = np.zeros((2, 12, 20, 24), bool)
    first[0, 0, 0] = last[2, 0, 0] = True
    expected = np.linalg.norm(2 * TILTED[:3, 2])
    assert measure(first, last, tilted_size()).hd95_mm == pytest.approx(expected, rel=1e-6)
    last[2, 0, 0], last[2, 1, 0] = False, True
    one = measure(first, last, tilted_size()).hd95_mm
    assert one == pytest.approx(np.linalg.norm(tilted_size().axes @ [2, 1, 0]), rel=1e-6)
    assert one != pytest.approx(np.linalg.norm(np.multiply(tilted_size(), [2, 1, 0])), rel=1e-3)


def test_the_axes_are_kept_where_a_size_is_sent_to_a_process():
    copy = pickle.loads(pickle.dumps(tilted_size()))
    np.testing.assert_array_equal(copy.axes, tilted_size().axes)
    assert in_mm(np.array([[1, 0, 0]]), copy)[0] == pytest.approx(copy.axes[:, 0])
