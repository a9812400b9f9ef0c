"""Scans and masks are read lazily, rightly, and with errors that people understand."""

import gzip
import threading

import nibabel as nib
import numpy as np
import pytest
from helpers.orientations import SHAPE, affine_of

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.reading import read_header, read_mask, read_scan, refuse_time
from napari_mcwss.scans.scan import Scan

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def save(path, voxels, affine=LPS):
    nib.Nifti1Image(voxels, affine).to_filename(path)
    return path


def save_series(path, unit, step):
    """Save three volumes along a fourth axis with this unit and step."""
    image = nib.Nifti1Image(noise((*SHAPE, 3)), LPS)
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = step
    image.to_filename(path)
    return path


def noise(shape=SHAPE, dtype=np.float32, seed=0):
    return (100 * np.random.default_rng(seed).random(shape)).astype(dtype)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


class TestScan:
    def test_channels_are_stacked_in_canonical_order(self, tmp_path):
        first = save(tmp_path / "t1.nii.gz", noise(seed=1))
        second = save(tmp_path / "t2.nii.gz", noise(seed=2)[::-1], np.diag([1.0, -1, 1, 1]) + 0)
        with pytest.warns(UserWarning, match="origin"):
            scan = read_scan("a", ["t1", "t2"], [first, second])
        volume = scan.volume()
        assert volume.dtype == np.float32
        assert volume.shape == (2, 5, 4, 3)
        assert volume.flags.c_contiguous
        np.testing.assert_array_equal(volume, [noise(seed=1).T, noise(seed=2).T])
        assert scan.channels == ("t1", "t2")
        assert scan.paths == (first, second)
        assert scan.slices == 5

    def test_one_4d_file_holds_all_channels(self, tmp_path):
        voxels = noise((*SHAPE, 3))
        scan = read_scan("a", ["r", "s", "t"], [save(tmp_path / "a.nii.gz", voxels)])
        np.testing.assert_array_equal(scan.volume(), voxels.T)

    @pytest.mark.parametrize(("unit", "step"), [("sec", 2.5), ("msec", 800), ("usec", 5)])
    def test_a_series_over_time_is_no_scan(self, tmp_path, unit, step):
        path = save_series(tmp_path / "bold.nii.gz", unit, step)
        with pytest.raises(McwssError, match=r"scan a: .*bold.nii.gz' is a series of 3 points in"):
            refuse_time("a", [path])

    @pytest.mark.parametrize(("unit", "step"), [("unknown", 2.5), ("sec", 1), ("sec", 0)])
    def test_a_fourth_axis_that_is_not_surely_time_holds_channels(self, tmp_path, unit, step):
        # ITK and others write seconds, and a step of one, for whatever the fourth axis is.
        path = save_series(tmp_path / "a.nii.gz", unit, step)
        refuse_time("a", [path])
        assert read_scan("a", ["r", "s", "t"], [path]).volume().shape == (3, 5, 4, 3)

    def test_points_in_time_that_are_no_channels_are_refused_with_the_reason(self, tmp_path):
        path = save_series(tmp_path / "bold.nii.gz", "unknown", 1)
        with pytest.raises(McwssError, match=r"bold.nii.gz \(3\): expected 1 .* point in time"):
            read_scan("a", ["image"], [path])

    def test_vector_files_hold_channels_in_the_fifth_axis(self, tmp_path):
        voxels = noise((*SHAPE, 1, 2))
        scan = read_scan("a", ["r", "s"], [save(tmp_path / "a.nii", voxels)])
        np.testing.assert_array_equal(scan.volume(), voxels[..., 0, :].T)

    def test_two_axes_are_one_slice(self, tmp_path):
        voxels = noise((3, 4))
        scan = read_scan("a", ["xr"], [save(tmp_path / "a.nii", voxels)])
        np.testing.assert_array_equal(scan.volume(), voxels.T[None, None])

    def test_scaled_integers_are_read_at_their_value(self, tmp_path):
        stored = noise(dtype=np.int16)
        image = nib.Nifti1Image(stored, LPS)
        image.header.set_slope_inter(0.5, -1024)
        image.to_filename(tmp_path / "ct.nii.gz")
        scan = read_scan("a", ["ct"], [tmp_path / "ct.nii.gz"])
        np.testing.assert_array_equal(scan.volume()[0], (stored * 0.5 - 1024).T)

    def test_what_is_not_finite_is_zero(self, tmp_path):
        voxels = noise()
        voxels[0, 0, :3] = np.nan, np.inf, -np.inf
        volume = read_scan("a", ["t1"], [save(tmp_path / "t1.nii", voxels)]).volume()
        np.testing.assert_array_equal(volume[0, :3, 0, 0], 0)
        np.testing.assert_array_equal(volume[0, 3:], voxels.T[3:])

    def test_voxels_are_read_when_asked_for_and_kept(self, tmp_path):
        path = save(tmp_path / "t1.nii.gz", noise())
        scan = read_scan("a", ["t1"], [path])
        volume = scan.volume()
        path.unlink()
        assert scan.volume() is volume
        scan.release()
        with pytest.raises(McwssError, match="does not exist"):
            scan.volume()

    def test_opening_reads_no_voxels(self, tmp_path):
        path = save(tmp_path / "t1.nii.gz", noise((20, 20, 30)))
        truncate(path)
        scan = read_scan("a", ["t1"], [path])
        assert scan.geometry.shape == (30, 20, 20)

    def test_many_threads_read_once(self):
        loads = []
        waiting = threading.Barrier(8)

        def load():
            loads.append(1)
            return np.zeros((1, 5, 4, 3), np.float32)

        scan = Scan("a", ["t1"], Geometry.from_source(SHAPE, LPS), load)
        found = []

        def ask():
            waiting.wait()
            found.append(scan.volume())

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(loads) == 1
        assert all(volume is found[0] for volume in found)

    def test_scan_in_memory(self):
        geometry = Geometry.from_source(SHAPE, LPS)
        volume = np.ones((2, 5, 4, 3), np.float32)
        scan = Scan.from_array("a", ["t1", "t2"], volume, geometry)
        scan.release()
        assert scan.volume() is volume
        with pytest.raises(ValueError, match="expected"):
            Scan.from_array("a", ["t1"], volume, geometry)


class TestScanErrors:
    def check(self, *words, channels=("t1", "t2"), paths=()):
        with pytest.raises(McwssError) as told:
            read_scan("pat7", channels, paths)
        message = str(told.value)
        assert "\n" not in message
        for word in words:
            assert word in message

    def test_different_shapes_are_both_named(self, tmp_path):
        paths = [
            save(tmp_path / "t1.nii.gz", noise()),
            save(tmp_path / "t2.nii.gz", noise((3, 4, 6))),
        ]
        self.check("pat7", "5x4x3", "6x4x3", "t1.nii.gz", "t2.nii.gz", paths=paths)

    def test_too_few_channels(self, tmp_path):
        path = save(tmp_path / "t1.nii.gz", noise())
        self.check("pat7", "t1.nii.gz (1)", "expected 2", "t1, t2", paths=[path])
        self.check("none", paths=[])

    def test_a_4d_file_among_others(self, tmp_path):
        paths = [
            save(tmp_path / "t1.nii", noise((*SHAPE, 2))),
            save(tmp_path / "t2.nii", noise()),
        ]
        self.check("t1.nii (2)", channels=("t1", "t2", "t3"), paths=paths)

    def test_places_that_differ_are_warned_about_with_numbers(self, tmp_path):
        moved = LPS.copy()
        moved[0, 3] = -4.25
        paths = [
            save(tmp_path / "t1.nii", noise()),
            save(tmp_path / "t2.nii", noise(), moved),
        ]
        with pytest.warns(UserWarning, match=r"pat7.*t1\.nii.*t2\.nii.*origin.*4\.25"):
            read_scan("pat7", ("t1", "t2"), paths)


class TestUnreadable:
    def check(self, path, *words, read=read_header):
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(McwssError) as told:
            read(path)
        message = str(told.value)
        assert "\n" not in message
        assert path.name in message
        for word in words:
            assert word in message
        assert before == (path.read_bytes() if path.exists() else None)

    def test_missing(self, tmp_path):
        self.check(tmp_path / "t1.nii.gz", "does not exist")

    @pytest.mark.parametrize("name", ["t1.nii.gz", "t1.nii", "t1.png", "t1.tif", "t1.jpg"])
    @pytest.mark.parametrize("content", [b"", b"hello, this is a letter\n" * 40])
    def test_no_image(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        self.check(tmp_path / name, "copy it again")

    def test_letter_in_gzip(self, tmp_path):
        (tmp_path / "t1.nii.gz").write_bytes(gzip.compress(b"hello" * 200))
        self.check(tmp_path / "t1.nii.gz", "damaged or not")

    def test_other_format(self, tmp_path):
        (tmp_path / "t1.docx").write_bytes(b"PK")
        self.check(tmp_path / "t1.docx", ".nii.gz", ".png")

    @pytest.mark.parametrize("name", ["t1.nii.gz", "t1.nii"])
    def test_truncated(self, tmp_path, name):
        path = save(tmp_path / name, noise((20, 20, 20)))
        truncate(path)
        self.check(path, "copy it again", read=lambda p: read_scan("a", ["t1"], [p]).volume())
        self.check(path, "copy it again", read=read_mask)

    def test_corrupt_in_the_middle(self, tmp_path):
        path = save(tmp_path / "t1.nii.gz", noise((20, 20, 20)))
        content = bytearray(path.read_bytes())
        content[2000:2100] = bytes(100)
        path.write_bytes(content)
        self.check(path, "damaged", read=lambda p: read_scan("a", ["t1"], [p]).volume())

    @pytest.mark.parametrize("shape", [(7,), (3, 4, 5, 2, 2), (3, 4, 0)])
    def test_dimensions(self, tmp_path, shape):
        path = save(tmp_path / "t1.nii", np.zeros(shape, np.float32))
        self.check(path, "shape", "x".join(map(str, shape)))

    def test_complex_numbers(self, tmp_path):
        self.check(save(tmp_path / "t1.nii", np.zeros(SHAPE, np.complex64)), "complex64")


class TestMask:
    @pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
    def test_values_are_whole_numbers_in_canonical_order(self, tmp_path, dtype):
        voxels = noise(dtype=np.uint8) % 4
        affine = affine_of((2, 0, 1), (1, -1, -1))
        mask = read_mask(save(tmp_path / "seg.nii.gz", voxels.astype(dtype), affine))
        assert mask.dtype == np.int32
        expected = Geometry.from_source(SHAPE, affine).to_canonical(voxels)
        np.testing.assert_array_equal(mask, expected)

    def test_nearly_whole_numbers_are_rounded(self, tmp_path):
        voxels = np.full(SHAPE, 1.9999, np.float32)
        voxels[0] = np.nan
        mask = read_mask(save(tmp_path / "seg.nii", voxels))
        np.testing.assert_array_equal(np.unique(mask), [0, 2])

    def test_an_image_is_no_mask(self, tmp_path):
        with pytest.raises(McwssError, match=r"seg\.nii.*values such as"):
            read_mask(save(tmp_path / "seg.nii", noise()))

    @pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.float64])
    def test_values_that_an_int32_cannot_hold_are_refused_not_wrapped(self, tmp_path, dtype):
        voxels = np.zeros(SHAPE, dtype)
        voxels[0, 0, 0] = 2**32 - 1
        path = tmp_path / "seg.nii"
        nib.Nifti1Image(voxels, LPS, dtype=dtype).to_filename(path)
        with pytest.raises(McwssError, match=r"seg\.nii' holds values from 0 to 4\.29497e\+09"):
            read_mask(path)

    def test_shape_of_another_scan_names_both(self, tmp_path):
        path = save(tmp_path / "seg.nii", np.zeros(SHAPE, np.uint8))
        with pytest.raises(McwssError, match=r"5x4x3.*9x4x3"):
            read_mask(path, Geometry.from_source((3, 4, 9), LPS))

    def test_a_mask_elsewhere_is_warned_about(self, tmp_path):
        path = save(tmp_path / "seg.nii", np.zeros(SHAPE, np.uint8))
        moved = LPS.copy()
        moved[2, 3] = 30
        with pytest.warns(UserWarning, match=r"seg\.nii.*30"):
            read_mask(path, Geometry.from_source(SHAPE, moved))

    def test_several_channels_are_refused(self, tmp_path):
        path = save(tmp_path / "seg.nii", np.zeros((*SHAPE, 2), np.uint8))
        with pytest.raises(McwssError, match="2 channels"):
            read_mask(path)
