"""The network of the second stage: what it learns from labels, and the maps it makes."""

import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.preset import TaggedBatch
from napari_mcwss.model.presets.refined import Refined, RefinedVolume


def refined(parents, channels=1) -> Refined:
    torch.manual_seed(0)
    preset = Refined(channels, len(parents), 4)
    preset.learn_relations(parents)
    return preset


def batch(labels: torch.Tensor | None, classes=2) -> TaggedBatch:
    images = torch.randn(4, 1, 20, 24, generator=torch.Generator().manual_seed(1))
    foreground = torch.ones(4, 1, 20, 24, dtype=torch.bool)
    tags = torch.ones(4, classes, dtype=torch.int8)
    return TaggedBatch(images, foreground, tags, torch.full((classes,), 0.5), labels=labels)


def test_perfect_outputs_have_no_loss_and_wrong_ones_do():
    labels = torch.zeros(4, 20, 24, dtype=torch.uint8)
    labels[:, 5:12, 5:12], labels[:, 14:18, 2:9] = 1, 2
    perfect = 30 * torch.nn.functional.one_hot(labels.long(), 3).movedim(-1, 1).float()
    preset = refined([-1, -1])
    preset.network.forward = lambda _: perfect
    assert sum(preset.losses(batch(labels)).values()) < 1e-4
    preset.network.forward = lambda _: perfect[:, [0, 2, 1]]
    losses = preset.losses(batch(labels))
    assert losses["dice"] == pytest.approx(1, abs=1e-3)
    assert losses["cross_entropy"] > 1


def test_it_cannot_learn_without_labels():
    with pytest.raises(McwssError, match="labels"):
        refined([-1]).losses(batch(None, classes=1))


def test_maps_give_each_pixel_the_larger_output():
    preset = refined([1, -1]).eval()
    logits, foreground = torch.randn(3, 3, 20, 24), torch.ones(3, 1, 20, 24, dtype=torch.bool)
    preset.network.forward = lambda _: logits
    core, whole = preset.predict(torch.zeros(3, 1, 20, 24), foreground).cams.unbind(1)
    best = logits.argmax(1)
    assert torch.equal(whole >= 0.5, best > 0)
    inside = best > 0
    assert torch.equal((core >= 0.5)[inside], (logits[:, 1] >= logits[:, 2])[inside])
    assert preset.nesting == [1, -1]


def test_scores_and_cams_lie_in_0_to_1_and_background_has_none():
    foreground = torch.zeros(2, 1, 33, 25, dtype=torch.bool)
    foreground[:, :, 5:20] = True
    maps = refined([-1, 0, 1], channels=2).eval().predict(torch.randn(2, 2, 33, 25), foreground)
    assert maps.cams.shape == (2, 3, 33, 25)
    assert 0 <= maps.cams.min() <= maps.cams.max() <= 1
    assert not maps.cams[~foreground.expand_as(maps.cams)].any()
    assert ((maps.scores >= 0) & (maps.scores <= 1)).all()


def test_in_a_slab_each_slice_counts_for_its_neighbours_alone():
    torch.manual_seed(0)
    preset = RefinedVolume(1, 1, 4).train()
    images = torch.randn(2 * preset.depth, 1, 16, 16)
    labels = torch.zeros(2 * preset.depth, 16, 16, dtype=torch.uint8)
    images.requires_grad_()
    preset._logits(images)[5].sum().backward()
    assert images.grad is not None
    seen = images.grad.flatten(1).any(1)
    assert seen[: preset.depth].all()
    assert not seen[preset.depth :].any()
    whole = TaggedBatch(images, images > -9, labels[:, 0, :1], torch.ones(1), labels=labels)
    assert all(torch.isfinite(loss) for loss in preset.losses(whole).values())


def test_a_slab_may_be_shorter_and_of_any_size():
    preset = RefinedVolume(2, 1, 4).eval()
    foreground = torch.ones(5, 1, 13, 21, dtype=torch.bool)
    maps = preset.predict(torch.randn(5, 2, 13, 21), foreground)
    assert maps.cams.shape == (5, 1, 13, 21)
    assert maps.scores.shape == (5, 1)
