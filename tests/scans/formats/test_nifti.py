"""Headers of NIfTI files that argue with themselves, and files that are not what they seem."""

import gzip
import struct
import tracemalloc
import warnings

import nibabel as nib
import numpy as np
import pytest
from helpers.orientations import SHAPE, affine_of

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.reading import read_header, read_mask, read_scan
from napari_mcwss.scans.writing import write_volume

SAGITTAL = affine_of((1, 2, 0), (1, 1, 1))

VOXELS = np.random.default_rng(0).integers(0, 4, SHAPE).astype(np.uint8)

SFORM, XYZT_UNITS, DIM, VOX_OFFSET = 280, 123, 40, 108
"""Places of fields in the header."""


def save(path, sform=None, qform=None, *, changes=(), voxels=VOXELS):
    """Write an image with bytes changed: pairs of a place and what is there."""
    image = nib.Nifti1Image(voxels, None)
    image.set_sform(sform, code=0 if sform is None else 1)
    image.set_qform(qform, code=0 if qform is None else 1)
    data = bytearray(image.to_bytes())
    for place, content in changes:
        data[place : place + len(content)] = content
    path.write_bytes(gzip.compress(bytes(data)) if path.suffix == ".gz" else data)
    return path


def volume_of(path):
    return read_scan("a", ["t1"], [path]).volume()[0]


def refused(path, match):
    """Check that a file is refused in one line, before anything large is allocated."""
    tracemalloc.start()
    with pytest.raises(McwssError, match=match) as told:
        volume_of(path)
    assert "\n" not in str(told.value)
    with pytest.raises(McwssError, match=match):
        read_mask(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


class TestForms:
    @pytest.mark.parametrize(
        "rows", [bytes(48), struct.pack("<12f", *[np.nan] * 12)], ids=["zeros", "NaN"]
    )
    def test_the_qform_is_used_where_the_sform_is_unusable(self, tmp_path, rows):
        path = save(tmp_path / "t1.nii", SAGITTAL, SAGITTAL, changes=[(SFORM, rows)])
        with pytest.warns(UserWarning, match=r"the sform of '.*t1\.nii' cannot .* qform is used"):
            geometry = read_header(path).geometry
        np.testing.assert_allclose(geometry.source_affine, SAGITTAL, atol=1e-5)
        assert geometry.shape == (4, 3, 5)
        write_volume(tmp_path / "mask.nii", volume_of(path), geometry, dtype=np.uint8)
        written = nib.load(tmp_path / "mask.nii")
        np.testing.assert_array_equal(written.affine, nib.load(path).get_qform())
        np.testing.assert_array_equal(np.asarray(written.dataobj), VOXELS)

    def test_left_and_right_that_differ_are_told_and_the_sform_is_used(self, tmp_path):
        other = np.diag([-1.0, 1, 1, 1]) @ SAGITTAL
        path = save(tmp_path / "t1.nii", SAGITTAL, other)
        with pytest.warns(UserWarning, match=r"t1\.nii' disagree about which side is left: the sf"):
            geometry = read_header(path).geometry
        np.testing.assert_array_equal(geometry.source_affine, SAGITTAL)

    def test_forms_that_differ_otherwise_are_not_told(self, tmp_path):
        moved = SAGITTAL.copy()
        moved[:3, 3] += 30
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_header(save(tmp_path / "t1.nii", SAGITTAL, moved))

    def test_a_qform_that_cannot_be_computed_does_not_matter_beside_an_sform(self, tmp_path):
        quaternion = struct.pack("<3f", 5, 5, 5)
        path = save(tmp_path / "t1.nii", SAGITTAL, SAGITTAL, changes=[(256, quaternion)])
        np.testing.assert_array_equal(read_header(path).geometry.source_affine, SAGITTAL)


class TestFilesWithoutOrientation:
    def test_a_mask_that_would_be_mirrored_is_refused(self, tmp_path):
        geometry = read_header(save(tmp_path / "t1.nii")).geometry
        assert not geometry.oriented
        mirrored = save(tmp_path / "seg.nii", np.diag([1.0, 1, 1, 1]))
        with pytest.raises(McwssError, match=r"seg\.nii' and its scan, only one says .* mirrored"):
            read_mask(mirrored, geometry)
        with pytest.raises(McwssError, match=r"scan a: of t1\.nii and seg\.nii, only one says"):
            read_scan("a", ["t1", "t2"], [tmp_path / "t1.nii", mirrored])

    def test_a_mask_that_is_guessed_right_is_read(self, tmp_path):
        geometry = read_header(save(tmp_path / "t1.nii")).geometry
        guessed = save(tmp_path / "seg.nii", geometry.source_affine)
        found = read_mask(guessed, geometry)
        np.testing.assert_array_equal(geometry.to_source(found), VOXELS)

    def test_a_mask_without_orientation_too_lies_on_the_same_voxels(self, tmp_path):
        geometry = read_header(save(tmp_path / "t1.nii")).geometry
        found = read_mask(save(tmp_path / "seg.nii"), geometry)
        np.testing.assert_array_equal(geometry.to_source(found), VOXELS)


class TestFilesThatAreNotWhatTheySeem:
    def test_whether_a_file_is_compressed_is_seen_from_its_content(self, tmp_path):
        whole = save(tmp_path / "a.nii", SAGITTAL)
        (tmp_path / "b.nii.gz").write_bytes(whole.read_bytes())
        (tmp_path / "c.nii").write_bytes(gzip.compress(whole.read_bytes()))
        for name in ("b.nii.gz", "c.nii"):
            np.testing.assert_array_equal(volume_of(tmp_path / name), volume_of(whole))
            np.testing.assert_array_equal(read_mask(tmp_path / name), volume_of(whole))

    @pytest.mark.parametrize("name", ["t1.nii", "t1.nii.gz"])
    def test_an_offset_of_zero_is_the_end_of_the_header(self, tmp_path, name):
        path = save(tmp_path / name, SAGITTAL, changes=[(VOX_OFFSET, bytes(4))])
        geometry = read_header(path).geometry
        np.testing.assert_array_equal(geometry.to_source(volume_of(path)), VOXELS)

    def test_a_unit_that_does_not_exist_is_taken_for_millimetres(self, tmp_path):
        path = save(tmp_path / "t1.nii", SAGITTAL, changes=[(XYZT_UNITS, b"\x06")])
        assert read_header(path).geometry.spacing == Geometry.from_source(SHAPE, SAGITTAL).spacing

    def test_values_beyond_float32_are_refused_not_made_zero(self, tmp_path):
        voxels = np.full(SHAPE, 1e300)
        voxels[0, 0, 0] = np.inf
        path = save(tmp_path / "t1.nii", SAGITTAL, voxels=voxels)
        with pytest.raises(McwssError, match=r"t1\.nii' holds values such as 1e\+300"):
            volume_of(path)

    def test_a_negative_size_is_refused(self, tmp_path):
        size = struct.pack("<h", -4)
        refused(save(tmp_path / "t1.nii", SAGITTAL, changes=[(DIM + 4, size)]), "shape 3x-4x5")


class TestMemory:
    @pytest.mark.parametrize("name", ["t1.nii", "t1.nii.gz"])
    def test_a_header_that_speaks_of_more_than_the_file_holds_is_refused(self, tmp_path, name):
        sizes = struct.pack("<4h", 3, 20000, 20000, 20000)
        path = save(tmp_path / name, SAGITTAL, changes=[(DIM, sizes)])
        refused(path, r"7\.3 TiB of voxels, and it holds")
        with pytest.raises(McwssError, match=r"7\.3 TiB"):
            read_header(path)

    def test_what_is_not_voxels_is_not_unpacked(self, tmp_path):
        path = save(tmp_path / "t1.nii", SAGITTAL)
        path.with_suffix(".nii.gz").write_bytes(gzip.compress(path.read_bytes() + bytes(2**26)))
        refused(tmp_path / "t1.nii.gz", "more than the voxels that its header declares")

    def test_voxels_that_do_not_fit_into_memory_are_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(
            "psutil.virtual_memory", lambda: type("Memory", (), {"available": VOXELS.size - 1})
        )
        refused(save(tmp_path / "t1.nii", SAGITTAL), r"t1\.nii' needs .* of memory")
