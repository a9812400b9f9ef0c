"""Digests of voxels are remembered as long as no file has changed, and never longer."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import platformdirs
import pytest
import SimpleITK
from imageio.v3 import imwrite

from napari_mcwss.scans import digest
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.reading import read_scan
from napari_mcwss.scans.scan import Scan

SHAPE = (4, 6, 5)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> Path:
    """An empty cache folder, and files that are taken for old ones."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(digest, "SETTLED", -1.0)
    return tmp_path / "cache" / "digests.txt"


def voxels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, SHAPE, dtype=np.uint8)


def write(folder: Path, kind: str, seed: int) -> Path:
    """Write voxels as files of a kind; return the path that stands for them."""
    folder.mkdir(exist_ok=True)
    if kind == "slices":
        for index, image in enumerate(voxels(seed)):
            imwrite(folder / f"{index}.png", image)
        return folder
    path = folder / f"t1{kind}"
    if kind in (".nii.gz", ".nii"):
        nib.save(nib.Nifti1Image(voxels(seed), np.eye(4)), path)
    elif kind == ".hdr":
        nib.save(nib.Nifti1Pair(voxels(seed), np.eye(4)), path)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels(seed)), path)
    return path


class Reads:
    """Opens scans of a path, and counts how often their voxels are read."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0

    def open(self) -> Scan:
        """Open the scan as another program would."""
        digest._KNOWN.clear()
        scan = read_scan("scan", ["t1"], [self.path])
        load = scan._load

        def counted() -> np.ndarray:
            self.count += 1
            return load()

        return Scan(scan.name, scan.channels, scan.geometry, counted, scan.paths)


KINDS = (".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".hdr", "slices")


@pytest.mark.parametrize("kind", KINDS)
def test_unchanged_files_are_not_read_again_and_changed_ones_are(tmp_path, kind):
    reads = Reads(write(tmp_path / "scan", kind, 0))
    first = reads.open().digest()
    assert (reads.open().digest(), reads.count) == (first, 1)
    write(tmp_path / "scan", kind, 1)
    assert reads.open().digest() != first
    assert reads.count == 2


def test_a_file_of_the_same_size_and_time_is_another_one(tmp_path):
    path = write(tmp_path, ".nii", 0)
    reads, before = Reads(path), path.stat()
    first = reads.open().digest()
    write(tmp_path, ".nii", 1)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert reads.open().digest() != first


def test_the_digest_is_that_of_the_voxels_in_memory(tmp_path):
    """Whoever has read a scan goes on with it, although its file has been replaced."""
    reads = Reads(write(tmp_path, ".nii", 0))
    scan = reads.open()
    scan.volume()
    write(tmp_path, ".nii", 1)
    old, later = scan.digest(), reads.open()
    new = later.digest()
    assert old == digest.voxel_digest(scan.volume(), scan.geometry.spacing)
    assert new == digest.voxel_digest(later.volume(), scan.geometry.spacing)
    assert scan.digest() == old != new
    scan.release()
    assert scan.digest() == new


def test_voxels_that_were_read_with_an_older_header_are_not_those_of_the_file(tmp_path):
    """A program that has opened a scan reads its voxels in the order that the header said then."""
    path = write(tmp_path, ".nii", 0)
    reads = Reads(path)
    opened = reads.open()
    nib.save(nib.Nifti1Image(voxels(0), np.diag([-1.0, 1, 1, 1])), path)
    mirrored = opened.digest()
    now = reads.open()
    assert now.digest() == digest.voxel_digest(now.volume(), now.geometry.spacing)
    assert now.digest() != mirrored


@pytest.mark.parametrize("field", ["Data File", "DATA FILE", "datafile", "Datafile"])
def test_the_voxels_of_a_header_are_found_however_it_names_them(tmp_path, field):
    path = write(tmp_path / "scan", ".nhdr", 0)

    def rename() -> None:
        path.write_bytes(path.read_bytes().replace(b"data file", field.encode()))

    rename()
    reads = Reads(path)
    first = reads.open().digest()
    header = path.stat()
    write(tmp_path / "other", ".nhdr", 1)
    for file in (tmp_path / "other").iterdir():
        if file.suffix != ".nhdr":
            (tmp_path / "scan" / file.name).write_bytes(file.read_bytes())
    assert path.stat() == header
    assert reads.open().digest() != first


@pytest.mark.parametrize("suffix", [".mat", ".MAT"])
def test_a_placement_beside_an_image_is_one_of_its_files(tmp_path, suffix):
    path = write(tmp_path, ".hdr", 0)
    without = digest.file_stamp([path])
    path.with_suffix(suffix).write_bytes(b"place")
    assert digest.file_stamp([path]) != without


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
def test_a_pipe_in_place_of_the_known_digests_is_passed_over(tmp_path, cache):
    cache.parent.mkdir()
    os.mkfifo(cache)
    reads = Reads(write(tmp_path, ".nii", 0))
    assert reads.open().digest() == reads.open().digest()


def test_nothing_is_remembered_of_a_file_that_has_just_been_written(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(digest, "SETTLED", 3600.0)
    reads = Reads(write(tmp_path, ".nii", 0))
    assert reads.open().digest() == reads.open().digest()
    assert reads.count == 2
    assert not cache.exists()


def test_voxels_that_are_read_once_are_digested_once(monkeypatch):
    scan = Scan.from_array(
        "scan", ["t1"], np.zeros((1, *SHAPE), np.float32), Geometry(SHAPE[::-1], np.eye(4))
    )
    found = scan.digest()
    monkeypatch.setattr("napari_mcwss.scans.scan.voxel_digest", None)
    scan.volume()
    assert scan.digest() == found


def test_other_channels_have_another_digest_of_the_same_file(tmp_path):
    path = tmp_path / "picture.png"
    imwrite(path, np.random.default_rng(0).integers(0, 200, (6, 5, 3), dtype=np.uint8))
    grey = read_scan("scan", ["light"], [path])
    coloured = read_scan("scan", ["red", "green", "blue"], [path])
    assert grey.digest() != coloured.digest()
    for scan in (grey, coloured):
        scan.release()
        assert scan.digest() == digest.voxel_digest(scan.volume(), scan.geometry.spacing)


@pytest.mark.parametrize("damage", ["cut off", "changed", "other version"])
def test_lines_that_cannot_be_relied_on_are_left_out(tmp_path, monkeypatch, cache, damage):
    reads = Reads(write(tmp_path, ".nii", 0))
    first = reads.open().digest()
    line = cache.read_text()
    if damage == "cut off":
        cache.write_text(line[:-3])
    elif damage == "changed":
        cache.write_text(line.replace(first, first[::-1]))
    else:
        monkeypatch.setattr(digest, "__version__", "another")
    assert reads.open().digest() == first
    assert reads.count == 2
    assert reads.open().digest() == first


def test_a_file_that_grows_too_large_begins_anew(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(digest, "MOST_BYTES", 100)
    for number in range(5):
        digest.remember(f"scan {number}", f"{number:032x}")
    assert len(cache.read_text().splitlines()) == 1
    digest._KNOWN.clear()
    assert digest.recall("scan 4") == f"{4:032x}"


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "cache").touch()
    reads = Reads(write(tmp_path, ".nii", 0))
    assert reads.open().digest() == reads.open().digest()
    assert reads.count == 2
