"""Any number of channels becomes images of three."""

import pytest
import torch

from napari_mcwss.model.encoders.packing import encode, groups, pack
from napari_mcwss.model.encoders.registry import load_encoder


def channels(*values: int) -> torch.Tensor:
    return torch.tensor(values).float().view(1, -1, 1, 1).expand(1, len(values), 2, 2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1], [[1, 1, 1]]),
        ([1, 3], [[1, 3, 2]]),
        ([1, 2, 3], [[1, 2, 3]]),
        ([1, 2, 3, 4], [[1, 2, 3], [4, 4, 4]]),
        ([1, 2, 3, 4, 6], [[1, 2, 3], [4, 6, 5]]),
        ([1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_three_channels_at_a_time(values, expected):
    packed = pack(channels(*values))
    assert packed[:, :, 0, 0].tolist() == expected
    assert len(packed) == groups(len(values))


def test_features_of_groups_lie_side_by_side_for_each_image():
    encoder = load_encoder()
    images = torch.rand(2, 4, 40, 33, generator=torch.Generator().manual_seed(0))
    together = encode(encoder, images)
    for image, features in zip(images, zip(*together, strict=True), strict=True):
        alone = encoder(image[None, :3]), encoder(image[3].expand(1, 3, -1, -1))
        for level, *groups_alone in zip(features, *alone, strict=True):
            expected = torch.cat(groups_alone, dim=1)[0]
            torch.testing.assert_close(level, expected, atol=1e-3, rtol=1e-3)
