"""From volumes to what a network reads."""

import torch

from napari_mcwss.model.inputs import resample, resample_labels


def test_labels_lie_where_their_images_do():
    labels = torch.zeros(2, 12, 12, dtype=torch.uint8)
    labels[0, 3:9, 1:7], labels[1, :, 5:] = 1, 2
    for size in ((4, 4), (5, 7), (24, 24)):
        for label in (1, 2):
            shares = resample((labels == label)[:, None].float(), size)[:, 0]
            found = resample_labels(labels, size) == label
            # Not a pixel that lies for the most part outside, none inside is missing.
            assert found[shares > 0.5].all()
            assert not found[shares < 0.5].any()


def test_labels_of_the_right_size_stay():
    labels = torch.tensor([[[0, 3], [1, 0]]], dtype=torch.uint8)
    assert resample_labels(labels, (2, 2)) is labels
