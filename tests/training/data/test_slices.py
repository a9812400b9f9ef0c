"""Which slices are trained on, and with which partners."""

from dataclasses import replace

import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import TagTable
from napari_mcwss.training.data.augmentation import draw_views
from napari_mcwss.training.data.pixels import own_pixel
from napari_mcwss.training.data.slices import SliceDataset, tagged_scans


def slices_of(tags: list[list[int]], scan: list[int]) -> SliceDataset:
    count = len(tags)
    return SliceDataset(
        torch.zeros(count, 1, 4, 4).half(),
        torch.ones(count, 1, 4, 4).bool(),
        torch.tensor(tags, dtype=torch.int8),
        torch.tensor(scan),
        torch.arange(count),
        (1,) * (max(scan) + 1),
    )


def test_slabs_are_neighbours_at_the_stride_of_their_scan_and_empty_beyond_it():
    data = replace(
        slices_of([[1]] * 9, [0] * 5 + [1] * 4),
        position=torch.tensor([3, 4, 5, 6, 7, 0, 1, 2, 4]),
        strides=(1, 2),
    )
    generator = torch.Generator().manual_seed(0)
    anchors = torch.tensor([0, 7] * 20)
    first, second = data.slabs(anchors, 4, generator).view(20, 2, 4).unbind(1)
    assert set(map(tuple, first.tolist())) == {(-1, -1, 0, 1), (2, 1, 0, -1)}
    assert set(map(tuple, second.tolist())) == {(-1, 5, 7, 8), (-1, 8, 7, 5)}


def test_an_empty_slice_of_a_slab_holds_nothing_and_teaches_nothing():
    data = slices_of([[1], [0]], [0, 0])
    data = replace(data, images=data.images + 3, labels=torch.full((2, 4, 4), 2).byte())
    taken = data.take(torch.tensor([1, -1]))
    assert taken.tags.tolist() == [[0], [-1]]
    for part, there in ((taken.images, 3), (taken.foreground, 1), (taken.labels, 2)):
        assert (part[0] == there).all()
        assert not part[1].any()


def test_slices_of_a_slab_get_one_view():
    images, generator = torch.zeros(6, 2, 8, 8), torch.Generator().manual_seed(0)
    views = draw_views(images.shape, generator, depth=3)
    for drawn in (views.theta, views.gain, views.offset):
        assert torch.equal(drawn[0], drawn[2])
        assert not torch.equal(drawn[2], drawn[3])


def test_references_share_a_present_class_and_come_from_another_scan():
    data = slices_of([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0]], [0, 0, 1, 2, 2])
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([data.draw_references(torch.arange(5), generator) for _ in range(50)])
    assert set(drawn[:, 0].tolist()) == {2}
    assert set(drawn[:, 2].tolist()) == {0, 1, 3}
    assert set(drawn[:, 3].tolist()) == {2}
    # Nothing can be shared with a slice that holds nothing: any slice of another scan will do.
    assert set(drawn[:, 4].tolist()) == {0, 1, 2}


def test_references_come_from_the_same_scan_where_no_other_shares_a_class():
    data = slices_of([[1], [1], [0]], [0, 0, 1])
    generator = torch.Generator().manual_seed(0)
    assert data.draw_references(torch.tensor([0, 1]), generator).tolist() == [1, 0]
    assert slices_of([[1]], [0]).draw_references(torch.tensor([0]), generator).tolist() == [0]


def test_an_epoch_draws_each_slice_once():
    data = slices_of([[i % 2] for i in range(11)], [i % 3 for i in range(11)])
    assert data.order(torch.Generator().manual_seed(0)).sort().values.tolist() == list(range(11))


def test_pixels_are_read_as_the_scans_have_them_but_not_finer_than_a_millimetre(
    tagged_study: Study, monkeypatch
):
    names = tagged_study.scan_names
    assert own_pixel(tagged_study, names) == tagged_study.scan(names[0]).geometry.spacing[1]
    monkeypatch.setattr("napari_mcwss.training.data.pixels.FINEST_PIXEL", 3.0)
    assert own_pixel(tagged_study, names) == 3.0


def test_frequency_leaves_unknown_tags_out():
    data = slices_of([[1, -1], [0, 1], [0, -1], [-1, -1]], [0] * 4)
    torch.testing.assert_close(data.frequency, torch.tensor([1 / 3, 1.0]))


@pytest.mark.parametrize(("tag", "word"), [(0, "present"), (1, "absent")])
def test_a_class_without_present_or_absent_slices_is_named(tagged_study: Study, tag, word):
    for name in tagged_study.scan_names:
        table = tagged_study.tags.read(name)
        table.values[:, 0] = tag
        tagged_study.tags.write({name: table})
    with pytest.raises(McwssError, match=f"no slice is tagged TC {word}"):
        tagged_scans(tagged_study, None)


def test_a_scan_without_tags_is_left_out_unless_it_is_asked_for(tagged_study: Study):
    name = tagged_study.scan_names[0]
    slices = tagged_study.scan(name).slices
    tagged_study.tags.write({name: TagTable.empty(slices, tagged_study.class_names)})
    assert name not in tagged_scans(tagged_study, None)
    with pytest.raises(McwssError, match=f"no slice of {name} is tagged"):
        tagged_scans(tagged_study, [name])


def test_an_epoch_can_draw_slices_more_than_once():
    slices = replace(slices_of([[1], [0], [1]], [0, 0, 1]), draws=8)
    order = slices.order(torch.Generator().manual_seed(0))
    assert len(order) == 8
    assert order.bincount().tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])


def test_augmentation_moves_image_and_foreground_together():
    images = torch.zeros(16, 2, 40, 60)
    images[:, :, 10:20, 15:40] = 1
    foreground = images[:, :1] > 0
    views = draw_views(images.shape, torch.Generator().manual_seed(0))
    moved, moved_foreground = views.images(images, foreground)
    assert moved.shape == images.shape
    assert not torch.equal(moved, images)
    assert not moved[~moved_foreground.expand_as(moved)].any()
    # Rotated, scaled by at most 15 % and shifted by little, the block keeps its size.
    sizes = moved_foreground.sum((1, 2, 3)) / 250
    assert sizes.min() > 0.6
    assert sizes.max() < 1.6


def test_labels_move_with_their_slices():
    images = torch.zeros(4, 1, 48, 40)
    images[:, :, 8:20, 10:30] = 10
    labels = torch.where(images[:, 0] > 5, 255, 0).to(torch.uint8)
    views = draw_views(images.shape, torch.Generator().manual_seed(3))
    moved, _ = views.images(images, torch.ones(4, 1, 48, 40).bool())
    seen = views.labels(labels)
    assert not torch.equal(seen, labels)
    assert set(seen.unique().tolist()) == {0, 255}
    assert ((seen == 255) == (moved[:, 0] > 5)).float().mean() > 0.98


def test_augmentation_keeps_angles_on_slices_that_are_not_square():
    images = torch.zeros(64, 1, 40, 80)
    images[:, :, 10:30, 30:50] = 1
    views = draw_views(images.shape, torch.Generator().manual_seed(1))
    _, foreground = views.images(images, images > 0)
    # A square stays one: its area is that of its side along both diagonals of any turn.
    rows = foreground.any(3).sum((1, 2)).float()
    columns = foreground.any(2).sum((1, 2)).float()
    assert (rows / columns - 1).abs().max() < 0.15


def test_the_same_seed_gives_the_same_views():
    images = torch.rand(4, 2, 20, 30)
    foreground = torch.ones(4, 1, 20, 30).bool()
    one, other, third = (
        draw_views(images.shape, torch.Generator().manual_seed(seed)).images(images, foreground)[0]
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, other)
    assert not torch.equal(one, third)
