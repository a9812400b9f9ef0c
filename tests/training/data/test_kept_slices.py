"""Prepared slices are kept for the next training, which reads nothing that has not changed."""

import errno
import os
import stat
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import nibabel as nib
import numpy as np
import platformdirs
import psutil
import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import UNKNOWN
from napari_mcwss.scans import digest, reading
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import TagTable
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data import file_cache, kept_slices
from napari_mcwss.training.data.kept_slices import KeptSlices, PreparedSlices
from napari_mcwss.training.data.slice_store import SliceStore
from napari_mcwss.training.data.slices import load_scan
from napari_mcwss.training.loop import train

TINY = TrainingConfig(preset="local", width=2, epochs=1, batch_size=8, pixel=4, device="cpu")
SPEC = InputSpec(2.0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> Path:
    """An empty cache folder, and files that are taken for old ones."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(digest, "SETTLED", -1.0)
    return tmp_path / "cache" / "prepared"


def scan(seed: int = 0) -> Scan:
    """A scan whose first slice is background."""
    volume = np.zeros((2, 6, 24, 20), np.float32)
    volume[:, 1:, 3:-2, 4:-1] = np.random.default_rng(seed).uniform(1, 2, (2, 5, 19, 15))
    geometry = Geometry(volume.shape[:0:-1], np.eye(4))
    return Scan.from_array("scan", ["t1", "t2"], volume, geometry)


def keep(scan: Scan, slices: list[int], spec: InputSpec = SPEC) -> PreparedSlices:
    prepared = PreparedSlices.of(scan, spec, torch.tensor(slices))
    with closing(KeptSlices()) as kept:
        kept.keep(scan, spec, prepared)
        kept.begin()
        kept._writer.shutdown()
    return prepared


def get(scan: Scan, slices: list[int], spec: InputSpec = SPEC) -> PreparedSlices | None:
    with closing(KeptSlices()) as kept:
        return kept.get(scan, spec, torch.tensor(slices))


def assert_same(one: PreparedSlices, other: PreparedSlices) -> None:
    assert one.window == other.window
    for name in ("images", "foreground", "position", "asked"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


def test_kept_slices_are_those_that_were_prepared_and_lie_in_a_file():
    prepared = keep(scan(), [0, 1, 3, 4])
    found = get(scan(), [0, 1, 3, 4])
    assert_same(found, prepared)
    assert found.position.tolist() == [1, 3, 4], "the first slice has no foreground"
    assert found.mapped
    assert not prepared.mapped


def test_some_of_the_slices_are_those_that_are_prepared_alone():
    keep(scan(), [0, 1, 3, 4])
    found = get(scan(), [0, 3])
    assert_same(found, PreparedSlices.of(scan(), SPEC, torch.tensor([0, 3])))
    assert not found.mapped


def test_other_slices_voxels_and_pixels_are_prepared_anew(monkeypatch):
    keep(scan(), [1, 2])
    assert get(scan(), [1, 2, 5]) is None
    assert get(scan(1), [1, 2]) is None
    assert get(scan(), [1, 2], InputSpec(1.0)) is None
    assert get(scan(), [1, 2], InputSpec(2.0, coordinates=True)) is None
    monkeypatch.setattr(kept_slices, "PREPARATION", -1)
    assert get(scan(), [1, 2]) is None


@pytest.mark.parametrize("damage", ["cut off", "foreign", "too few"])
def test_damaged_files_are_not_used(folder, damage):
    keep(scan(), [1, 2])
    (path,) = folder.iterdir()
    content = path.read_bytes()
    if damage == "cut off":
        path.write_bytes(content[: len(content) // 2])
    else:
        few = {"images": torch.zeros(1), "foreground": torch.zeros(2), "position": torch.zeros(2)}
        tensors = {**few, "asked": torch.tensor([1, 2]), "window": torch.zeros(4).int()}
        if damage == "foreign":
            del tensors["window"]
        file_cache.save_file(tensors, path, {"key": path.stem})
    assert get(scan(), [1, 2]) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the folders of a user apart")
def test_nobody_else_may_read_what_is_kept(folder):
    keep(scan(), [1, 2])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_full_disk_stops_nothing(folder, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_cache, "save_file", fail)
    keep(scan(), [1, 2])
    assert list(folder.iterdir()) == []


def test_slices_that_wait_to_be_written_take_little_memory(folder, monkeypatch):
    monkeypatch.setattr(kept_slices, "MEMORY_SHARE", 0)
    keep(scan(), [1, 2])
    assert not folder.exists()


def test_nothing_is_written_while_scans_are_read_unless_no_more_can_wait(folder, monkeypatch):
    prepared = PreparedSlices.of(scan(), SPEC, torch.tensor([1, 2]))
    with closing(KeptSlices()) as kept:
        kept.keep(scan(), SPEC, prepared)
    assert not folder.exists(), "closed before it began"
    size = prepared.images.nbytes + prepared.foreground.nbytes
    room = SimpleNamespace(available=1.5 * size / kept_slices.MEMORY_SHARE)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: room)
    with closing(KeptSlices()) as kept:
        for seed in range(2):
            kept.keep(scan(seed), SPEC, prepared)
        kept._writer.shutdown()
    assert len(list(folder.iterdir())) == 1


def test_all_files_are_looked_at_once_as_long_as_there_is_room(monkeypatch):
    looks = []
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda *a, **k: looks.append(1) or glob(*a, **k))
    with closing(KeptSlices()) as kept:
        for seed in range(3):
            prepared = PreparedSlices.of(scan(seed), SPEC, torch.tensor([1, 2]))
            kept.keep(scan(seed), SPEC, prepared)
        kept.begin()
        kept._writer.shutdown()
    assert looks == [1]


def test_the_digest_is_that_of_the_slices_although_the_file_has_just_been_replaced(
    tagged_study: Study, monkeypatch
):
    name = tagged_study.scan_names[0]
    path = tagged_study.files(name)[0]
    before, then = path.read_bytes(), tagged_study.scan(name).digest()
    tagged_study.scan(name).release()

    def replace_file(*_: object) -> None:
        image = nib.load(path)
        nib.save(nib.Nifti1Image(image.get_fdata() + 1, image.affine, image.header), path)

    try:
        with closing(KeptSlices()) as kept, monkeypatch.context() as patch:
            patch.setattr(kept, "get", replace_file)
            loaded = load_scan(tagged_study, name, SPEC, usable="tagged", kept=kept)
        assert loaded.digest == Study.open(tagged_study.folder).scan(name).digest() != then
    finally:  # other tests read the same scans
        path.write_bytes(before)


def test_a_second_training_learns_the_same_without_reading_a_scan(
    tagged_study: Study, monkeypatch, folder
):
    list(train(tagged_study, "first", TINY))
    assert len(list(folder.iterdir())) == len(tagged_study.scan_names)
    again = Study.open(tagged_study.folder)
    monkeypatch.setattr(reading, "_put", None)  # no voxels can be read
    list(train(again, "second", TINY))
    one, other = (
        load_model(again.model_folder(name), device="cpu").preset.state_dict()
        for name in ("first", "second")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("how", ["stopped", "failed"])
def test_a_training_that_ends_while_it_reads_leaves_no_thread_that_waits(
    tagged_study: Study, monkeypatch, folder, how
):
    before = set(threading.enumerate())
    events = train(tagged_study, "first", TINY)
    reading = (event.text for event in events if getattr(event, "text", "").startswith("reading"))
    for _ in range(3):
        next(reading)
    began = {thread.name.split("_")[0] for thread in set(threading.enumerate()) - before}
    assert "keep-slices" in began
    if how == "failed":
        monkeypatch.setattr(SliceStore, "keep", Mock(side_effect=McwssError("no room")))
        with pytest.raises(McwssError, match="no room"):
            list(events)
    events.close()
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not any(name.startswith("keep-slices") for name in left)


def test_slices_that_have_been_tagged_since_are_read(tagged_study: Study):
    name = tagged_study.scan_names[0]
    every = tagged_study.tags.read(name).values
    few = np.where(np.arange(len(every))[:, None] % 2, every, UNKNOWN)
    with closing(KeptSlices()) as kept:
        kept.begin()
        for tags in (few, every, few):
            tagged_study.tags.write({name: TagTable(tagged_study.class_names, tags)})
            expected = load_scan(tagged_study, name, SPEC, usable="tagged")
            found = load_scan(tagged_study, name, SPEC, usable="tagged", kept=kept)
            for one, other in zip(found.maps, expected.maps, strict=True):
                assert torch.equal(one, other)
            assert torch.equal(found.tags, expected.tags)
            assert torch.equal(found.position, expected.position)
            kept._writer.submit(bool).result()  # what was to be written is
