"""The network and the maps of the preset `mcwss`."""

import pytest
import torch

from napari_mcwss.model.affinity import SemanticAffinity
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.network import Features
from napari_mcwss.model.preset import TaggedBatch
from napari_mcwss.model.presets.mcwss import Mcwss
from napari_mcwss.study.study import Study
from napari_mcwss.training.data.slices import gather, load_scan


def batch_of(slices: int, *, channels: int = 2, classes: int = 2, size=(40, 36)) -> TaggedBatch:
    generator = torch.Generator().manual_seed(slices)
    tags = torch.randint(0, 2, (slices, classes), generator=generator)
    tags[0], tags[slices // 2] = 1, 1
    return TaggedBatch(
        torch.randn(slices, channels, *size, generator=generator),
        torch.ones(slices, 1, *size, dtype=torch.bool),
        tags,
        torch.full((classes,), 0.5),
    )


@pytest.mark.parametrize("size", [(48, 48), (35, 51), (240, 155)])
def test_cams_have_the_size_of_the_slice(size):
    preset = Mcwss(channels=1, classes=3, width=2).eval()
    scores, cams = preset.predict(torch.randn(2, 1, *size), torch.ones(2, 1, *size).bool())
    assert cams.shape == (2, 3, *size)
    assert scores.shape == (2, 3)
    assert 0 <= cams.min() <= cams.max() <= 1
    assert 0 <= scores.min() <= scores.max() <= 1


@pytest.mark.parametrize(("channels", "classes"), [(1, 1), (4, 3)])
def test_any_number_of_channels_and_classes_can_be_trained(channels, classes):
    preset = Mcwss(channels, classes, width=2)
    losses = preset.losses(batch_of(4, channels=channels, classes=classes))
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_every_parameter_receives_a_gradient():
    preset = Mcwss(channels=2, classes=2, width=2)
    torch.stack(list(preset.losses(batch_of(8)).values())).sum().backward()
    without = [
        name
        for name, parameter in preset.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    # A bias before a batch norm, and one added to both outputs of a softmax, moves nothing.
    assert all(name.endswith("bias") for name in without)
    assert not [name for name in without if "heads" in name or "affinity" in name]


def test_prediction_never_builds_the_affinity(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("the affinity was built")

    monkeypatch.setattr(SemanticAffinity, "forward", refuse)
    preset = Mcwss(channels=2, classes=2, width=2).eval()
    preset.predict(torch.randn(2, 2, 32, 32), torch.ones(2, 1, 32, 32).bool())
    with pytest.raises(AssertionError, match="affinity was built"):
        preset.losses(batch_of(4))


def test_another_reference_slice_changes_the_decomposed_features(tagged_study: Study):
    slices = gather(
        [
            load_scan(tagged_study, name, InputSpec(), usable="complete")
            for name in tagged_study.scan_names
        ]
    )
    with_both = (slices.tags == 1).all(1).nonzero().squeeze(1)
    chosen = torch.stack([with_both[0], with_both[len(with_both) // 2], with_both[-1]])
    torch.manual_seed(0)
    # In training mode, the only one in which features are decomposed.
    network = Mcwss(channels=2, classes=2, width=16).train().network
    with torch.no_grad():
        encoded = network.encode(slices.images[chosen].float())
        for level, affinity in zip(
            encoded, (network.shallow_affinity, network.deep_affinity), strict=True
        ):
            one, other = (affinity(level[:1], level[i : i + 1])[:1] for i in (1, 2))
            assert (one - other).std() / one.std() > 0.1


def test_the_decomposed_branch_rewrites_both_slices_of_a_pair():
    torch.manual_seed(0)
    network = Mcwss(channels=1, classes=2, width=2).eval().network
    features = network.encode(torch.randn(4, 1, 32, 32))
    exchanged = Features(features.shallow.roll(2, 0), features.deep.roll(2, 0))
    # With W = 1, as at the start, the affinity of (a, b) is that of (b, a).
    for one, other in zip(network.decompose(features), network.decompose(exchanged), strict=True):
        assert one.shape[0] == 4
        torch.testing.assert_close(one, other.roll(2, 0))


def test_affinity_equals_its_formula():
    torch.manual_seed(0)
    affinity = SemanticAffinity(6)
    torch.nn.init.normal_(affinity.weight.weight)
    f1, f2 = torch.randn(2, 6, 3, 5), torch.randn(2, 6, 3, 5)
    a, b = f1.flatten(2), f2.flatten(2)
    scores = (affinity.weight.weight @ a).transpose(1, 2) @ b / 6**0.5
    rewritten = torch.cat(
        [
            b @ scores.softmax(2).transpose(1, 2),
            a @ scores.transpose(1, 2).softmax(2).transpose(1, 2),
        ]
    )
    torch.testing.assert_close(affinity(f1, f2), rewritten.reshape(4, 6, 3, 5))
