"""Slices that do not fit in memory are learnt from on the disk, and leave nothing there."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
import torch
from torch.nn import functional as F

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data import slice_store
from napari_mcwss.training.data.file_cache import cache_folder
from napari_mcwss.training.data.slice_stack import SliceStack
from napari_mcwss.training.data.slice_store import SliceStore
from napari_mcwss.training.data.slices import LoadedScan
from napari_mcwss.training.events import Advice
from napari_mcwss.training.loop import train

TINY = TrainingConfig(
    preset="local", width=2, epochs=1, batch_size=8, pixel=4, refine=True, device="cpu"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> Path:
    """A user's cache folder of the test's own."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path)
    return cache_folder("slices")


@pytest.fixture
def no_memory(monkeypatch) -> None:
    monkeypatch.setattr(slice_store, "MEMORY_SHARE", 0)


def scan_of(slices: int, size: tuple[int, int], *, labels: bool = False) -> LoadedScan:
    images = torch.rand(slices, 2, *size).half()
    return LoadedScan(
        images,
        images[:, :1] > 0.5,
        torch.ones(slices, 1, dtype=torch.int8),
        torch.arange(slices),
        1,
        torch.randint(0, 3, (slices, *size), dtype=torch.uint8) if labels else None,
    )


def test_slices_of_scans_of_many_sizes_are_centred_in_the_largest():
    scans = [torch.rand(n, 2, h, w) for n, h, w in ((3, 5, 9), (0, 2, 2), (2, 8, 4), (1, 3, 3))]
    padded = [
        F.pad(s, ((9 - s.shape[-1]) // 2, (10 - s.shape[-1]) // 2, (8 - s.shape[-2]) // 2, 0))
        for s in scans
    ]
    expected = torch.cat([F.pad(s, (0, 0, 0, 8 - s.shape[-2])) for s in padded])
    stack = SliceStack(scans)
    assert len(stack) == 6
    assert stack.shape == (6, 2, 8, 9)
    order = torch.tensor([5, 0, 3, 4, 2, 2, -1])
    assert torch.equal(stack[order], expected[order])


def test_what_fits_stays_in_memory_and_the_rest_goes_to_the_disk(monkeypatch, cache):
    store = SliceStore()
    store._memory = 3000
    small, large = scan_of(2, (8, 8)), scan_of(4, (32, 16), labels=True)
    assert store.keep(small) is small
    assert not store.on_disk
    kept = store.keep(large)
    assert store.on_disk == sum(maps.nbytes for maps in large.maps)
    assert all(torch.equal(one, other) for one, other in zip(kept.maps, large.maps, strict=True))
    assert [maps.dtype for maps in kept.maps] == [torch.float16, torch.bool, torch.uint8]
    assert not list(cache.iterdir()), "the file has no name any more"


def test_the_same_is_learnt_from_the_disk(tagged_study: Study, tmp_path, monkeypatch, cache):
    list(train(tagged_study, "memory", TINY))
    assert not cache.exists()
    monkeypatch.setattr(slice_store, "MEMORY_SHARE", 0)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "other")
    events = list(train(tagged_study, "disk", TINY))
    told = [event.text for event in events if isinstance(event, Advice)]
    assert sum("read from disk" in text for text in told) == 1
    assert not list(cache_folder("slices").iterdir())
    one, other = (
        load_model(tagged_study.model_folder(name), device="cpu").preset.state_dict()
        for name in ("memory", "disk")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_slices_that_are_mapped_already_are_not_written_again(no_memory, cache):
    mapped = replace(scan_of(2, (16, 16)), mapped=True)
    store = SliceStore()
    assert store.keep(mapped) is mapped
    assert store.on_disk
    assert not cache.exists()


def test_the_disk_is_used_up_to_a_limit(no_memory, monkeypatch, cache):
    monkeypatch.setattr(slice_store, "LARGEST", 10_000)
    store = SliceStore()
    store.keep(scan_of(2, (16, 16)))
    with pytest.raises(McwssError, match=r"neither in memory nor in the 0\.0 GiB .*fewer scans"):
        store.keep(scan_of(20, (16, 16)))
    assert not list(cache.iterdir())


def test_a_full_disk_is_told_in_one_line_and_leaves_no_file(no_memory, monkeypatch, cache):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(slice_store.torch.Tensor, "contiguous", full)
    with pytest.raises(McwssError, match="No space left on device"):
        SliceStore().keep(scan_of(2, (16, 16)))
    assert not list(cache.iterdir())


def test_what_a_killed_program_has_left_is_removed_and_that_of_a_living_one_is_not(
    no_memory, cache
):
    gone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    gone.send_signal(signal.SIGKILL)
    gone.wait()
    cache.mkdir(parents=True)
    host = slice_store.socket.gethostname()
    names = [f"{host}-{gone.pid}-00", f"{host}-{os.getpid()}-00", f"elsewhere-{gone.pid}-00"]
    for name in names:
        (cache / f"{name}.slices").touch()
    (cache / "notes.txt").touch()
    SliceStore().keep(scan_of(2, (16, 16)))
    left = {path.name for path in cache.iterdir()}
    assert left == {f"{names[1]}.slices", f"{names[2]}.slices", "notes.txt"}
