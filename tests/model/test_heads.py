import pytest
import torch

from napari_mcwss.model.heads import FeatureHeads

SIZE = (6, 4)


@pytest.fixture
def levels() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [
        5 * torch.randn(3, 4, 12, 8) + 20,  # finer than the evidence
        torch.randn(3, 5, *SIZE) / 10,
        torch.randn(3, 7, 3, 2) - 3,
    ]


@pytest.fixture
def heads(levels: list[torch.Tensor]) -> FeatureHeads:
    return FeatureHeads([level.shape[1] for level in levels], 2, heads=3, hidden=8).eval()


def test_heads_read_features_as_if_each_were_standardised(heads, levels) -> None:
    means = [level.mean((0, 2, 3)) for level in levels]
    deviations = [level.std((0, 2, 3)) for level in levels]
    standardised = [
        (level - mean[:, None, None]) / deviation[:, None, None]
        for level, mean, deviation in zip(levels, means, deviations, strict=True)
    ]
    expected = heads(standardised, SIZE)
    heads.standardise(means, deviations)

    torch.testing.assert_close(heads(levels, SIZE), expected, rtol=1e-4, atol=1e-4)
    assert expected.shape == (3, 3, 2, *SIZE)
    assert expected.std() > 0.1


def test_a_head_reads_nothing_of_the_others(heads, levels) -> None:
    before = heads(levels, SIZE)
    with torch.no_grad():
        for mix in heads.mix:
            mix.weight[8:16] += 1  # what the second head reads
    after = heads(levels, SIZE)

    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    assert not torch.isclose(after[:, 1], before[:, 1]).all()


def test_evidence_lies_where_its_features_do(heads) -> None:
    with torch.no_grad():
        for mix in heads.mix:
            mix.bias.zero_()
    levels = [torch.zeros(1, width, 12, 8) for width in (4, 5, 7)]
    levels[1][0, :, 4:6, 6:8] = 10.0

    evidence = heads(levels, SIZE)

    away = evidence - heads.bias[..., None]
    found = away[0].abs().amax((0, 1)).nonzero()
    assert found.tolist() == [[2, 3]]


def test_no_slices_have_no_evidence(heads, levels) -> None:
    assert heads([level[:0] for level in levels], SIZE).shape == (0, 3, 2, *SIZE)
