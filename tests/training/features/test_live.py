"""Heads that follow the tags: what they find, and where they begin."""

import numpy as np
import pytest
import torch
from helpers.blobs import SLICES, blob_scan, blob_tags

from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.training.features.live import (
    FIRST_STEPS,
    fit_live,
    live_data,
    live_maps,
    live_scores,
    missing_tags,
)
from napari_mcwss.training.features.store import FeatureStore


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(DEFAULT_ENCODER, InputSpec(), folder=tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def encoded(store) -> list:
    return [end_of(store.compute(blob_scan(seed)[0])) for seed in range(2)]


def end_of(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def loss(heads, encoded, store) -> float:
    scores = live_scores(heads, encoded[0], SLICES, store.strides)[1:]
    tags = blob_tags()[1:]
    return float(-np.log(np.where(tags == 1, scores, 1 - scores) + 1e-6).mean())


def test_heads_find_a_blob_from_tags(store, encoded):
    tags = blob_tags()
    data = live_data(encoded[:1], [tags], store.strides)
    assert len(data) == SLICES - 1  # the first slice has no foreground
    heads = end_of(fit_live(data, None, FIRST_STEPS))
    # On a scan whose tags it has not seen.
    scan, place = blob_scan(1)
    scores = live_scores(heads, encoded[1], SLICES, store.strides)[:, 0]
    assert scores[tags[:, 0] == 1].min() > scores[tags[:, 0] == 0].max()
    maps = live_maps(heads, encoded[1], SLICES - 1, store.strides)
    assert maps.shape == (1, *scan.geometry.shape[1:])
    inside = np.zeros(maps.shape[1:], bool)
    inside[place] = True
    assert maps[0, inside].mean() > 1.5 * maps[0, ~inside].mean()
    assert not live_maps(heads, encoded[1], 0, store.strides).any()


def test_slices_without_tags_are_not_learnt(store, encoded):
    tags = blob_tags()
    tags[3:] = -1
    data = live_data(encoded, [tags, np.full_like(tags, -1)], store.strides)
    assert len(data) == 2
    end_of(fit_live(data, None, 1))


def test_heads_continue_from_earlier_ones_and_leave_them_alone(store, encoded):
    data = live_data(encoded, [blob_tags(), blob_tags()], store.strides)
    first = end_of(fit_live(data, None, FIRST_STEPS))
    before = {name: value.clone() for name, value in first.state_dict().items()}
    following, anew = (end_of(fit_live(data, start, 5)) for start in (first, None))
    assert loss(following, encoded, store) < loss(anew, encoded, store)
    for name, value in first.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_fit_is_repeated_whatever_else_draws_random_numbers(store, encoded):
    data = live_data(encoded, [blob_tags(), blob_tags()], store.strides)
    fits = [fit_live(data, None, 2, seed) for seed in (1, 1, 2)]
    for _ in range(2):
        for fit in fits:
            next(fit)
            torch.rand(1)
    first, again, other = (end_of(fit).weight for fit in fits)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_fit_can_be_stopped_after_each_step(store, encoded):
    data = live_data(encoded, [blob_tags(), blob_tags()], store.strides)
    steps = fit_live(data, None, 4)
    assert next(steps) == 0.25
    steps.close()
    assert list(steps) == []


def test_a_class_needs_present_and_absent_tags():
    tags = np.array([[1, 0, -1, 1], [0, 0, -1, 1]], np.int8)
    assert missing_tags(tags, ["a", "b", "c", "d"]) == {
        "b": "present",
        "c": "present",
        "d": "absent",
    }
