"""How the slices of a scan are divided into slabs."""

import pytest
import torch

from napari_mcwss.model.slabs import slab_around, slab_stride, weighted_batches


@pytest.mark.parametrize("depth", [1, 4, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
def test_every_slice_is_seen_with_a_whole_weight(count, stride, depth):
    slices = torch.arange(count) + 5
    total = torch.zeros(count + 5)
    for indices, weights in weighted_batches(slices, depth, stride, batch_size=4):
        assert len(indices) == len(weights) <= max(depth, 4)
        assert (weights > 0).all()
        total[indices] += weights
    torch.testing.assert_close(total[5:], torch.ones(count))
    assert not total[:5].any()


def test_slabs_keep_their_stride_and_overlap_by_half():
    batches = weighted_batches(torch.arange(20), 4, 2, batch_size=16)
    found = [indices.tolist() for indices, _ in batches]
    assert found[:4] == [[0, 2, 4, 6], [4, 6, 8, 10], [8, 10, 12, 14], [12, 14, 16, 18]]
    assert found[4][0] == 1


def test_a_slab_is_as_deep_as_its_pixels_are_wide():
    assert [slab_stride(spacing, 2.0) for spacing in (0.5, 1.0, 1.2, 2.0, 5.0)] == [4, 2, 2, 1, 1]


@pytest.mark.parametrize("index", [0, 1, 9, 10, 18, 19])
def test_the_slab_around_a_slice_holds_it(index):
    slab = slab_around(index, 20, 4, 2)
    assert len(slab) == 4
    assert (slab == index).sum() == 1
    assert set(slab.diff().tolist()) == {2}
    assert slab_around(1, 3, 4, 1).tolist() == [0, 1, 2]
