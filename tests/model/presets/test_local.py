"""The preset that sees little, and tells classes apart that come together."""

from collections.abc import Callable

import pytest
import torch

from napari_mcwss.model.guided_filter import guided_filter
from napari_mcwss.model.preset import TaggedBatch
from napari_mcwss.model.presets.local import CONTRAST_REACHES, EXPLAINED, REGION_PHASE, Local
from napari_mcwss.model.presets.local_networks import (
    SHALLOW_REACH,
    PixelNetwork,
    RegionNetwork,
    pixels_seen,
)

CORE_IN_OEDEMA = [1, -1]


def local(parents=CORE_IN_OEDEMA, *, channels=2) -> Local:
    torch.manual_seed(0)
    preset = Local(channels, len(parents), 4)
    preset.learn_relations(parents)
    preset.contrasted.fill_(any(parent >= 0 for parent in parents))
    return preset


def batch(tags, *, progress: float, size=(24, 20)) -> TaggedBatch:
    tags = torch.tensor(tags)
    images = torch.randn(len(tags), 2, *size, generator=torch.Generator().manual_seed(1))
    foreground = torch.ones(len(tags), 1, *size, dtype=torch.bool)
    return TaggedBatch(images, foreground, tags, torch.tensor([0.3, 0.5]), progress)


def reach(evidence: Callable[[torch.Tensor], torch.Tensor], size: int = 101) -> int:
    """Measure how many pixels along an axis one output depends on."""
    # Of many images: rectifiers hide a part of each.
    images = torch.zeros(32, 1, size, size, requires_grad=True)
    found = evidence(images + torch.randn_like(images))
    found[:, 0, size // 2, size // 2].sum().backward()
    rows = images.grad.abs().sum((0, 1, 3)).nonzero().squeeze(1)
    return int(rows.max() - rows.min() + 1)


def test_networks_see_as_little_as_they_say():
    torch.manual_seed(0)
    for resolutions, seen in ((1, 5), (2, 18), (3, 44)):
        assert pixels_seen(resolutions) == seen
        network = RegionNetwork(1, 1, 8, seen).eval()
        # An edge of what pooling sees may not matter to one pixel.
        assert seen - 6 <= reach(lambda images, net=network: net(images)[0]) <= seen
        assert reach(lambda images, net=network: net(images)[1]) == SHALLOW_REACH
    pixel_networks = [PixelNetwork(1, 1, 8, mm).eval() for mm in (1, *CONTRAST_REACHES)]
    assert [reach(network) for network in pixel_networks] == [1, 3, 7]


def test_what_is_seen_in_millimetres_hardly_depends_on_the_pixels():
    torch.manual_seed(0)
    fine, coarse = (Local(1, 1, 8, pixel).eval().regions for pixel in (1.0, 2.0))
    seen = [reach(lambda images, net=network: net(images)[0]) for network in (fine, coarse)]
    assert 1 * seen[0] == pytest.approx(2 * seen[1], rel=0.25)


@pytest.mark.parametrize("size", [(24, 20), (25, 33), (7, 5)])
@pytest.mark.parametrize(("parents", "channels"), [([-1], 1), ([1, -1], 2), ([-1, 0, 1, -1], 4)])
def test_cams_have_the_size_of_the_slice_and_lie_in_0_to_1(size, parents, channels):
    images, foreground = torch.randn(2, channels, *size), torch.ones(2, 1, *size, dtype=torch.bool)
    maps = local(parents, channels=channels).eval().predict(images, foreground)
    assert maps.cams.shape == (2, len(parents), *size)
    assert 0 <= maps.cams.min() <= maps.cams.max() <= 1


def test_once_contrasted_the_map_of_a_class_is_its_share_in_its_parent():
    preset = local([1, -1], channels=1).eval()
    assert preset.nesting == [1, -1]
    images, foreground = torch.randn(2, 1, 16, 16), torch.ones(2, 1, 16, 16, dtype=torch.bool)
    before = preset.predict(images, foreground).cams
    preset.regions.head.requires_grad_(False).bias.fill_(-9)
    after = preset.predict(images, foreground).cams
    assert torch.equal(after[:, 0], before[:, 0])
    assert (after[:, 1] < before[:, 1]).all()
    preset.contrasted.fill_(False)
    assert preset.nesting == [-1, -1]


def test_a_run_that_never_came_to_the_contrast_shows_the_regions():
    preset = local()
    preset.contrasted.fill_(False)
    images, foreground = torch.randn(2, 2, 16, 16), torch.ones(2, 1, 16, 16, dtype=torch.bool)
    regions = preset.eval().predict(images, foreground).cams
    preset.contrasts[0].requires_grad_(False)[-1].bias.fill_(9)
    assert torch.equal(preset.predict(images, foreground).cams, regions)
    preset.train().losses(batch([[1, 1], [0, 1]], progress=0.9))
    assert not torch.equal(preset.eval().predict(images, foreground).cams, regions)


def test_a_slice_without_foreground_has_no_evidence():
    maps = local().eval().predict(torch.randn(1, 2, 16, 16), torch.zeros(1, 1, 16, 16).bool())
    assert not maps.cams.any()


def test_every_parameter_is_taught_in_one_of_the_stages():
    preset = local().train()
    with torch.no_grad():
        preset.regions.head.bias.fill_(5)  # the contrast needs regions to look into
    for progress in (0.0, REGION_PHASE):
        sum(preset.losses(batch([[1, 1], [0, 1], [0, 0]], progress=progress)).values()).backward()
    without = [name for name, value in preset.named_parameters() if value.grad is None]
    assert not without


def test_the_contrast_leaves_the_regions_as_they_are():
    preset = local().train()
    before = {key: value.clone() for key, value in preset.regions.state_dict().items()}
    preset.losses(batch([[1, 1], [0, 1]], progress=0.9))["contrast"].sum()
    after = preset.regions.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_the_shallow_head_counts_where_it_explains_the_tags():
    preset = local([-1, -1]).eval()
    deep, shallow = torch.zeros(2, 2, 4, 4), torch.ones(2, 2, 4, 4)
    assert not preset._combine_heads(deep, shallow).any()  # it was never trained
    preset.shallow_loss.copy_(torch.tensor([EXPLAINED - 0.01, EXPLAINED + 0.01]))
    joined = preset._combine_heads(deep, shallow)
    assert (joined[:, 0] == 0.5).all()
    assert not joined[:, 1].any()


def test_how_well_the_shallow_head_explains_a_class_is_told_by_its_tags_alone():
    preset = local([-1, -1]).train()
    right = torch.tensor([[9.0, -9.0], [-9.0, -9.0]])
    for _ in range(400):
        preset._update_shallow_loss(right, batch([[1, 1], [0, -1]], progress=0.0))
    first, second = preset.shallow_loss.tolist()
    assert first < EXPLAINED < second
    preset._update_shallow_loss(right, batch([[-1, 1], [-1, 1]], progress=0.0))
    assert preset.shallow_loss[0] == first


def test_unknown_tags_do_not_count():
    preset = local().eval()
    known = preset.losses(batch([[1, 1], [0, 1]], progress=0.0))
    more = preset.losses(batch([[1, 1], [0, 1], [-1, -1]], progress=0.0))
    assert more["extent"].item() == pytest.approx(known["extent"].item(), rel=1e-4)


def test_the_contrast_stage_draws_both_kinds_of_slices_as_often():
    tags = torch.tensor([[1, 1]] * 8 + [[0, 1]] * 2 + [[0, 0]] * 5 + [[-1, 1]])
    preset = local()
    assert preset.draw_weights(tags, 0.1) is None
    weights = preset.draw_weights(tags, REGION_PHASE)
    assert weights[:8].sum() == pytest.approx(weights[8:10].sum())
    assert not weights[10:].any()


def test_without_classes_inside_others_there_is_one_stage():
    preset = local([-1, -1])
    assert preset.draw_weights(torch.tensor([[1, 0]]), 0.9) is None
    assert preset.phase_progress(0.9) == 0.9
    assert preset.losses(batch([[1, 1], [0, 0]], progress=0.9))["extent"] > 0


def test_each_stage_has_a_learning_rate_of_its_own():
    preset = local()
    shares = [preset.phase_progress(p) for p in (0.0, REGION_PHASE - 1e-6, REGION_PHASE, 1.0)]
    assert shares == pytest.approx([0, 1, 0, 1], abs=1e-4)


def test_a_guided_map_follows_the_edge_of_the_image():
    image = torch.zeros(1, 1, 20, 20)
    image[..., 10:] = 2
    blurred = torch.sigmoid((torch.arange(20.0) - 8) / 2).expand(1, 1, 20, 20)
    sharp = guided_filter(blurred, image, 6)[0, 0, 10]
    steps = sharp.diff()
    assert steps.argmax() == 9  # between the pixels 9 and 10, where the image has its edge
    assert steps.max() > 2 * blurred[0, 0, 10].diff().max()


def test_a_constant_map_stays_as_it_is():
    images = torch.randn(2, 3, 12, 12)
    maps = torch.full((2, 2, 12, 12), 0.7)
    torch.testing.assert_close(guided_filter(maps, images, 3), maps)
