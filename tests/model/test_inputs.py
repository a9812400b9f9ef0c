"""From volumes to what a network reads."""

import numpy as np
import pytest
import torch

from napari_mcwss.model.inputs import InputSpec, prepare, resample, resample_labels


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


@pytest.mark.parametrize("input_spec", [InputSpec(1.0), InputSpec(2.0, coordinates=True)])
@pytest.mark.parametrize("chosen", [[1, 4, 5], [0], []])
def test_some_slices_are_prepared_as_with_all_others(input_spec, chosen):
    volume = np.random.default_rng(0).normal(size=(2, 9, 40, 36)).astype(np.float32)
    for edge in (volume[:, :1], volume[:, -1:], volume[:, :, :5], volume[..., -3:]):
        edge[:] = 0
    slices = torch.tensor(chosen, dtype=torch.long)

    inputs = prepare(volume, (1.0, 1.0, 1.0), input_spec)
    some = prepare(volume, (1.0, 1.0, 1.0), input_spec, slices)

    assert torch.equal(some.images, inputs.images[slices])
    assert torch.equal(some.foreground, inputs.foreground[slices])
    assert (some.window, some.size) == (inputs.window, inputs.size)
