"""The place of a layer in napari is that of its voxels in mm, or is refused."""

import numpy as np
import pytest
from napari.layers import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.layer_geometry import attributes_of, geometry_of

SHAPE = (4, 5, 6)


def affine_of(**place):
    """Return the matrix from (z, y, x) to superior, posterior and left in mm."""
    layer = Image(np.zeros(SHAPE), name="mine", **place)
    from_layer = geometry_of(SHAPE, attributes_of(layer))
    # A napari writer gets the same as lists.
    from_writer = geometry_of(SHAPE, layer.as_layer_data_tuple()[1])
    np.testing.assert_array_equal(from_layer.affine, from_writer.affine)
    assert from_layer.shape == SHAPE
    return from_layer.affine


@pytest.mark.parametrize(
    ("unit", "mm"), [("um", 1e-3), ("mm", 1), ("cm", 10), ("m", 1e3), ("pixel", 1), ("s", 1)]
)
def test_lengths_are_millimetres(unit, mm):
    affine = affine_of(scale=(2, 1, 0.5), translate=(7, 8, 9), units=(unit,) * 3)
    expected = np.diag([2 * mm, mm, 0.5 * mm, 1])
    expected[:3, 3] = np.array([7, 8, 9]) * mm
    np.testing.assert_allclose(affine, expected)


def test_a_layer_that_is_moved_turned_and_sheared_lies_where_it_is_seen():
    outer = np.eye(4)
    outer[:3, 3] = 3, 2, 1
    place = {"scale": (3, 1, 2), "translate": (30, 20, 10), "rotate": (20, 0, 10)}
    layer = Image(np.zeros(SHAPE), shear=(0.1, 0, 0.2), affine=outer, **place)
    affine = affine_of(shear=(0.1, 0, 0.2), affine=outer, **place)
    for voxel in ((0, 0, 0), (3, 1, 5)):
        np.testing.assert_allclose((affine @ [*voxel, 1])[:3], layer.data_to_world(voxel))


@pytest.mark.parametrize("place", [{"rotate": (90, 0, 0)}, {"scale": (1, 1, -1)}])
def test_a_layer_whose_axes_are_others_is_refused_by_name(place):
    with pytest.raises(McwssError, match="layer 'mine' is turned or mirrored so far"):
        affine_of(**place)


def test_a_picture_has_one_slice():
    layer = Image(np.zeros(SHAPE[1:]), scale=(0.5, 0.25), translate=(5, 6))
    geometry = geometry_of((1, *SHAPE[1:]), attributes_of(layer))
    assert geometry.spacing == (1, 0.5, 0.25)
    np.testing.assert_array_equal(geometry.affine[:3, 3], [0, 5, 6])


def test_colours_have_no_axis_of_their_own():
    layer = Image(np.zeros((*SHAPE[1:], 3)), rgb=True, scale=(0.5, 0.25))
    assert geometry_of((1, *SHAPE[1:]), attributes_of(layer)).spacing == (1, 0.5, 0.25)
