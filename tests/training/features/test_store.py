"""Features in the cache folder: computed once, found again, and never in the way."""

import errno
import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan
from napari_mcwss.training.data import file_cache
from napari_mcwss.training.features import store as store_module
from napari_mcwss.training.features.store import Encoding, FeatureStore


def scan(seed=0, slices=6, name="scan") -> Scan:
    """A scan whose first slice, and whose outer pixels, are background."""
    volume = np.zeros((1, slices, 50, 44), np.float32)
    rng = np.random.default_rng(seed)
    volume[:, 1:, 4:-6, 5:-4] = rng.uniform(1, 2, (1, slices - 1, 40, 35))
    geometry = Geometry(volume.shape[:0:-1], np.diag([1.0, 1.0, 2.0, 1.0]))
    return Scan.from_array(name, ["t1"], volume, geometry)


def open_store(pixel=1.0, **options) -> FeatureStore:
    return FeatureStore(DEFAULT_ENCODER, InputSpec(pixel), **options)


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    return open_store(folder=tmp_path)


def compute(store, scan, slices=None):
    steps = store.compute(scan, slices)
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return end.value, seen


def files(store) -> list:
    return sorted(store.folder.glob("*"))


def assert_same(first, second):
    for one, other in zip(
        (*first.features.levels, first.features.foreground, first.position),
        (*second.features.levels, second.features.foreground, second.position),
        strict=True,
    ):
        assert torch.equal(one, other)
    assert (first.window, first.size, first.shape) == (second.window, second.size, second.shape)


def test_features_are_computed_a_batch_at_a_time_and_found_by_another_store(store):
    assert store.get(scan()) is None
    found, seen = compute(store, scan())
    assert seen == [Encoding(4, 5), Encoding(5, 5)]
    assert found.position.tolist() == [1, 2, 3, 4, 5]
    assert (found.window, found.size, found.shape) == (
        (slice(4, 44), slice(5, 40)),
        (40, 35),
        (50, 44),
    )
    assert [tuple(level.shape[-2:]) for level in found.features.levels] == [
        (64 // stride, 64 // stride) for stride in store.strides
    ]
    assert found.features.levels[0].dtype == torch.float16
    assert found.features.foreground.shape == (5, 1, 16, 16)
    again = open_store(folder=store.folder).get(scan())
    assert again is not None
    assert_same(again, found)
    assert compute(store, scan())[1] == []


def test_a_scan_without_foreground_has_no_slices(store):
    empty = Scan.from_array(
        "empty", ["t1"], np.zeros((1, 3, 32, 32), np.float32), Geometry((32, 32, 3), np.eye(4))
    )
    assert len(compute(store, empty)[0].position) == 0
    assert open_store(folder=store.folder).get(empty) is not None


def test_other_voxels_and_another_preparation_have_other_features(store, monkeypatch):
    compute(store, scan(0))
    assert store.get(scan(1)) is None
    assert open_store(2.0, folder=store.folder).get(scan(0)) is None
    assert store.get(scan(0, name="renamed")) is not None
    monkeypatch.setattr(store_module, "PREPARATION", -1)
    assert open_store(folder=store.folder).get(scan(0)) is None


def test_files_that_change_on_the_disk_are_read_again(store, phantom_study):
    name = phantom_study.scan_names[0]
    compute(store, phantom_study.scan(name))
    path = phantom_study.files(name)[0]
    before = path.read_bytes()
    try:
        path.write_bytes(phantom_study.files(name)[1].read_bytes())
        phantom_study.scan(name).release()
        assert store.get(phantom_study.scan(name)) is None
    finally:  # other tests read the same scans
        path.write_bytes(before)


@pytest.mark.parametrize("damage", ["cut off", "no file of features", "foreign", "misnamed"])
def test_damaged_and_foreign_files_are_made_again(store, damage):
    found, _ = compute(store, scan())
    (path,) = files(store)
    whole = path.read_bytes()
    path.unlink()  # `found` still maps it
    if damage == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "no file of features":
        path.write_text("hello")
    elif damage == "foreign":
        save_file({"other": torch.zeros(3)}, path, {"key": path.stem})
    else:
        other = open_store(folder=store.folder / "other")
        compute(other, scan(1))
        path.write_bytes(files(other)[0].read_bytes())
    later = open_store(folder=store.folder)
    assert later.get(scan()) is None
    again, seen = compute(later, scan())
    assert seen
    assert_same(again, found)
    assert path.read_bytes() == whole
    assert not later.problem


def test_files_used_least_recently_make_room_but_never_those_in_use(store):
    earlier = open_store(folder=store.folder)
    for seed in range(3):
        compute(earlier, scan(seed))
    size = files(store)[0].stat().st_size
    for age, seed in enumerate((1, 2, 0)):  # 1 was used last
        path = store.folder / f"{earlier._key(scan(seed))}.safetensors"
        os.utime(path, ns=(10**18 - age, 10**18 - age))
    now = open_store(folder=store.folder, budget=int(3.9 * size))
    assert now.get(scan(0)) is not None
    compute(now, scan(3))
    left = open_store(folder=store.folder)
    assert [left.get(scan(seed)) is not None for seed in range(4)] == [True, True, False, True]


def test_what_does_not_fit_into_the_budget_stays_in_memory(store):
    small = open_store(folder=store.folder, budget=1000)
    found, _ = compute(small, scan())
    assert files(store) == []
    assert small.get(scan()) is found
    assert "GiB" in small.problem


def test_a_full_disk_keeps_features_in_memory_and_leaves_nothing(store, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_cache, "save_file", fail)
    found, _ = compute(store, scan(0))
    compute(store, scan(1))
    assert files(store) == []
    assert store.get(scan(0)) is found
    assert "No space left on device" in store.problem


def test_cancelling_writes_nothing(store):
    steps = store.compute(scan())
    next(steps)
    steps.close()
    assert files(store) == []
    assert store.get(scan()) is None


def test_only_slices_that_are_missing_are_encoded(store):
    """The first slice has no foreground; the others are asked for in two parts, then all."""
    some, seen = compute(store, scan(), torch.tensor([2, 4]))
    assert (some.position.tolist(), seen) == ([2, 4], [Encoding(2, 2)])
    later = open_store(folder=store.folder)
    more, seen = compute(later, scan(), torch.tensor([1, 2]))
    assert (more.position.tolist(), seen) == ([1, 2, 4], [Encoding(2, 2)])
    assert compute(later, scan(), torch.tensor([1, 4]))[1] == []
    every, seen = compute(later, scan())
    assert every.position.tolist() == [1, 2, 3, 4, 5]
    assert seen == [Encoding(5, 5)]
    assert compute(open_store(folder=store.folder), scan())[1] == []
    whole, _ = compute(open_store(folder=store.folder / "other"), scan())
    for one, other in zip(every.features.levels, whole.features.levels, strict=True):
        torch.testing.assert_close(one, other, atol=0.02, rtol=0.02)  # float16, other batches
    assert torch.equal(every.features.foreground, whole.features.foreground)
    chosen = every.of(torch.tensor([1, 4]))
    assert torch.equal(chosen.levels[0], every.features.levels[0][[0, 3]])
