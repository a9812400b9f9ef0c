"""The losses of the preset `mcwss`."""

import pytest
import torch

from napari_mcwss.model.losses import (
    classification_loss,
    cross_guidance_loss,
    extent_loss,
    mutual_exclusion_loss,
    tag_weights,
)
from napari_mcwss.model.preset import TaggedBatch
from napari_mcwss.model.presets.published import exclusive_loss

FREQUENCY = torch.tensor([0.3, 0.6, 0.5])


def random_evidence(slices: int, classes: int = 3, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(slices, classes, 7, 9, generator=generator) * 3


def random_tags(slices: int, classes: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(slices)
    return torch.randint(-1, 2, (slices, classes), generator=generator)


@pytest.mark.parametrize("slices", [1, 2, 16])
def test_mutual_exclusion_of_a_batch_is_the_mean_over_its_slices(slices):
    evidence, tags = random_evidence(slices), random_tags(slices)
    foreground = torch.ones(slices, 1, 7, 9)
    each = [
        mutual_exclusion_loss(
            evidence[i : i + 1], foreground[i : i + 1], tags[i : i + 1], FREQUENCY
        )
        for i in range(slices)
    ]
    whole = mutual_exclusion_loss(evidence, foreground, tags, FREQUENCY)
    torch.testing.assert_close(whole, torch.stack(each).mean())


@pytest.mark.parametrize("slices", [1, 2, 16])
def test_published_exclusion_of_a_batch_is_the_mean_over_its_slices(slices):
    cams = random_evidence(slices, 4).sigmoid()
    tags = random_tags(slices, 2).clamp_min(0)
    first, second = cams[:, :2], cams[:, 2:]
    each = [
        exclusive_loss(first[i : i + 1], second[i : i + 1], tags[i : i + 1, 0], tags[i : i + 1, 1])
        for i in range(slices)
    ]
    whole = exclusive_loss(first, second, tags[:, 0], tags[:, 1])
    torch.testing.assert_close(whole, torch.stack(each).mean())


def test_mutual_exclusion_prefers_separate_maps_to_equal_ones():
    left, right = torch.full((2, 1, 1, 7, 9), -8.0)
    left[..., :4], right[..., 5:] = 8.0, 8.0
    tags, foreground = torch.ones(1, 2, dtype=torch.int), torch.ones(1, 1, 7, 9)
    frequency = torch.tensor([0.5, 0.5])
    separate = mutual_exclusion_loss(torch.cat([left, right], 1), foreground, tags, frequency)
    equal = mutual_exclusion_loss(torch.cat([left, left], 1), foreground, tags, frequency)
    assert separate < equal / 10


def test_mutual_exclusion_does_not_drive_a_class_out_of_the_map_that_it_lies_in():
    # One class is found; nothing is known yet about the other, which only one slice has.
    evidence = torch.zeros(2, 2, 7, 9)
    evidence[:, 1] = -8.0
    evidence[:, 1, 2:5, 3:7] = 8.0
    evidence.requires_grad_()
    tags, foreground = torch.tensor([[1, 1], [0, 1]]), torch.ones(2, 1, 7, 9)
    mutual_exclusion_loss(evidence, foreground, tags, torch.tensor([0.5, 0.8])).backward()
    present, absent = -evidence.grad[:, 0, 2:5, 3:7].sum((-2, -1))
    assert absent < 0 < present
    assert abs(present + absent) < present / 10


def test_mutual_exclusion_of_one_class_is_nothing():
    evidence = random_evidence(2, 1)
    loss = mutual_exclusion_loss(
        evidence, torch.ones(2, 1, 7, 9), torch.ones(2, 1, dtype=torch.int), FREQUENCY[:1]
    )
    assert loss == 0


def test_all_ones_maps_do_not_minimise_cross_guidance():
    joint, foreground = torch.ones(1, 1, dtype=torch.int), torch.ones(1, 1, 7, 9)
    spot = torch.zeros(1, 1, 7, 9)
    spot[..., 2:4, 2:5] = 1
    ones = torch.ones_like(spot)
    agreeing = cross_guidance_loss(spot, spot, foreground, joint)
    assert agreeing < 1e-3
    assert cross_guidance_loss(ones, ones, foreground, joint) > agreeing + 0.9
    assert cross_guidance_loss(spot, ones, foreground, joint) > agreeing + 0.9


def test_cross_guidance_counts_only_jointly_present_classes():
    spot = random_evidence(1, 1).sigmoid()
    foreground = torch.ones(1, 1, 7, 9)
    for tag in (0, -1):
        assert cross_guidance_loss(spot, 1 - spot, foreground, torch.tensor([[tag]])) == 0


def test_unknown_tags_never_enter_a_loss():
    tags = torch.tensor([[1, 0, -1], [0, -1, 1]])
    unknown = tags == -1
    foreground = torch.ones(2, 1, 7, 9)
    evidence = random_evidence(2)
    changed = torch.where(unknown[..., None, None], random_evidence(2, seed=1), evidence)
    for loss in (extent_loss, mutual_exclusion_loss):
        one = loss(evidence, foreground, tags, FREQUENCY)
        other = loss(changed, foreground, tags, FREQUENCY)
        torch.testing.assert_close(one, other)
    scores, other_scores = evidence.mean((2, 3)), changed.mean((2, 3))
    torch.testing.assert_close(
        classification_loss(scores, tags, FREQUENCY),
        classification_loss(other_scores, tags, FREQUENCY),
    )


def test_rarer_tags_weigh_more():
    weights = tag_weights(torch.tensor([[1, 1], [0, 0]]), torch.tensor([0.25, 0.5]))
    torch.testing.assert_close(weights, torch.tensor([[1.5, 1.0], [0.5, 1.0]]))


def test_extent_is_cheapest_where_only_present_slices_have_evidence():
    tags, foreground = torch.tensor([[1], [0]]), torch.ones(2, 1, 4, 4)
    both, present_only = torch.full((2, 2, 1, 4, 4), 4.0)
    present_only[1] = -4
    frequency = torch.tensor([0.5])
    losses = [extent_loss(e, foreground, tags, frequency) for e in (present_only, both, -both)]
    assert losses[0] < losses[2] < losses[1]


def test_joint_tags_need_both_slices_and_keep_the_unknown():
    slices = torch.tensor([[1, 1, 1, 0, 0, -1]])
    references = torch.tensor([[1, 0, -1, 0, -1, -1]])
    batch = TaggedBatch(
        torch.empty(2, 1, 1, 1), torch.empty(2, 1, 1, 1), torch.cat([slices, references]), FREQUENCY
    )
    expected = torch.tensor([[1, 0, -1, 0, 0, -1]])
    assert torch.equal(batch.joint_tags, torch.cat([expected, expected]))
