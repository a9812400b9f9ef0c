"""A new format is one module and one line of the registry: all else follows from it."""

import shutil

import numpy as np
import pytest
from helpers.npz_format import NPZ

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.formats import registry
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.phantom import PHANTOM_CLASSES
from napari_mcwss.scans.reading import read_header, read_mask
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.results import load_mask
from napari_mcwss.segmentation.segment import segment_scan
from napari_mcwss.study.study import Study


@pytest.fixture
def npz(monkeypatch):
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, NPZ))


@pytest.fixture
def npz_study(npz, trained_study, tmp_path):
    """The first scan of the trained study in the new format, with its model."""
    name = trained_study.scan_names[0]
    scan = trained_study.scan(name)
    folder = tmp_path / "npz" / name
    folder.mkdir(parents=True)
    for channel, voxels in zip(scan.channels, scan.volume(), strict=True):
        write_volume(folder / f"{channel}.npz", voxels, scan.geometry, dtype=np.float32)
    study = Study.create(
        tmp_path / "npz-study",
        scans=find_scans(folder.parent, scan.channels),
        channels=scan.channels,
        classes=list(PHANTOM_CLASSES),
    )
    shutil.copytree(trained_study.folder / "models", study.folder / "models")
    return study


def mask_of(study, scan):
    model = load_model(study.model_folder("model-1"), device="cpu")
    for _ in segment_scan(study, "model-1", model, scan):
        pass
    return load_mask(study, "model-1", scan)


def test_a_scan_of_a_new_format_is_found_read_and_segmented(npz_study, trained_study):
    (name,) = npz_study.scan_names
    assert {path.suffix for path in npz_study.files(name)} == {".npz"}
    mine, theirs = npz_study.scan(name), trained_study.scan(name)
    np.testing.assert_array_equal(mine.volume(), theirs.volume())
    np.testing.assert_array_equal(mask_of(npz_study, name), mask_of(trained_study, name))


def test_a_mask_of_a_new_format_is_written_found_and_read(npz_study):
    (name,) = npz_study.scan_names
    files = {name: npz_study.files(name)[0]}
    geometry = npz_study.scan(name).geometry
    mask = np.arange(np.prod(geometry.shape)).reshape(geometry.shape) % 3
    write_volume(files[name].with_name("seg.npz"), mask, geometry, dtype=np.uint8)
    (found,) = find_masks("seg", files).values()
    np.testing.assert_array_equal(read_mask(found, geometry), mask)


def test_a_new_format_is_named_in_messages_and_dialogs(npz, tmp_path):
    with pytest.raises(McwssError, match=r"expected \.nii\.gz, .*, \.npz, or a folder"):
        read_header(tmp_path / "t1.xyz")
    geometry = Geometry.from_source((2, 3, 4), np.eye(4))
    with pytest.raises(McwssError, match=r"ends in .*\.mha or \.npz"):
        write_volume(tmp_path / "t1.png", np.zeros(geometry.shape), geometry, dtype=np.uint8)
    assert "NumPy (*.npz)" in registry.dialog_filter()


def test_a_damaged_file_of_a_new_format_is_named(npz, tmp_path):
    (tmp_path / "t1.npz").write_bytes(b"PK")
    with pytest.raises(McwssError, match=r"t1\.npz' is damaged"):
        read_header(tmp_path / "t1.npz")


def test_without_its_line_a_format_is_unknown(tmp_path):
    (tmp_path / "t1.npz").write_bytes(b"PK")
    with pytest.raises(McwssError, match="not of a format"):
        read_header(tmp_path / "t1.npz")
