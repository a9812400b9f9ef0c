"""A DICOM series is a file like others: found, read and written back onto its voxels."""

import sys

import nibabel as nib
import numpy as np
import pytest
from helpers.dicom_series import write_series
from helpers.orientations import affine_of, turned

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.file_names import guess_channels, images_in
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.reading import read_header, read_scan
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.study.study import Study

SHAPE = (4, 5, 6)
"""Slices, rows, columns."""

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

GRIDS = {
    "axial": affine_of((0, 1, 2), (1, 1, 1)),
    "head last": affine_of((0, 1, 2), (1, 1, -1)),
    "sagittal": affine_of((1, 2, 0), (1, -1, 1)),
    "coronal": affine_of((0, 2, 1), (1, -1, 1)),
    "oblique": turned(17) @ turned(-8, (1, 2)) @ affine_of((1, 2, 0), (1, -1, -1)),
    "thick slices": affine_of((0, 1, 2), (1, 1, 1), (0.43, 0.47, 6.5)),
}


def voxels_of(shape=SHAPE):
    return np.random.default_rng(0).integers(-999, 999, shape).astype(np.int16)


@pytest.mark.parametrize("affine", GRIDS.values(), ids=GRIDS)
def test_a_series_is_where_simpleitk_finds_it_and_its_mask_too(tmp_path, affine):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    folder = write_series(tmp_path / "t1", affine, voxels_of(), RescaleSlope=2, RescaleIntercept=-7)
    scan = read_scan("scan", ["t1"], [folder])
    volume = scan.volume()[0]
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    series = reader.Execute()
    for name, dtype in (("cam.nii.gz", np.float32), ("mask.nii.gz", np.int16)):
        write_volume(tmp_path / name, volume, scan.geometry, dtype=dtype)
        written = sitk.ReadImage(str(tmp_path / name))
        assert written.GetSize() == series.GetSize()
        np.testing.assert_allclose(written.GetOrigin(), series.GetOrigin(), atol=1e-5)
        np.testing.assert_allclose(written.GetSpacing(), series.GetSpacing(), atol=1e-5)
        np.testing.assert_allclose(written.GetDirection(), series.GetDirection(), atol=1e-6)
        found = sitk.GetArrayFromImage(written)
        np.testing.assert_array_equal(found, sitk.GetArrayFromImage(series))


@pytest.mark.parametrize("affine", GRIDS.values(), ids=GRIDS)
def test_every_voxel_is_at_its_place(tmp_path, affine):
    voxels = voxels_of()
    geometry = read_header(write_series(tmp_path / "t1", affine, voxels)).geometry
    scan = read_scan("scan", ["t1"], [tmp_path / "t1"])
    for index in ((0, 0, 0), (3, 1, 5), (2, 4, 0)):
        left, posterior, superior, _ = affine @ [*index[::-1], 1]
        place = np.linalg.solve(geometry.affine, [superior, posterior, left, 1])[:3]
        np.testing.assert_allclose(place, place.round(), atol=1e-5)
        assert scan.volume()[0][tuple(place.round().astype(int))] == voxels[index]


def test_it_lies_on_its_conversion_to_nifti(tmp_path):
    affine, voxels = GRIDS["oblique"], voxels_of()
    folder = write_series(tmp_path / "t1", affine, voxels)
    nib.Nifti1Image(voxels.T, LPS @ affine).to_filename(tmp_path / "t2.nii.gz")
    scan = read_scan("scan", ["t1", "t2"], [folder, tmp_path / "t2.nii.gz"])
    assert np.array_equal(*scan.volume())


def test_a_single_slice_has_its_thickness(tmp_path):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of((1, 5, 6)))
    assert read_header(folder).geometry.spacing == (3, 2, 1)


def test_scans_are_found_by_the_names_of_the_folders(tmp_path):
    for scan in ("anna", "ben"):
        for number, channel in enumerate(("T1", "flair")):
            folder = tmp_path / "scans" / scan / channel
            write_series(folder, GRIDS["axial"], voxels_of(), uid=f"1.2.{number}")
    assert guess_channels(images_in(tmp_path / "scans" / "anna")) == ["T1", "flair"]
    found = find_scans(tmp_path / "scans", ["flair", "T1"])
    assert {name: [file.name for file in files] for name, files in found.items()} == {
        "anna": ["flair", "T1"],
        "ben": ["flair", "T1"],
    }
    Study.create(tmp_path / "study", scans=found, channels=["flair", "T1"], classes=["TC"])
    assert Study.open(tmp_path / "study").scan("ben").volume().shape == (2, *SHAPE)


@pytest.mark.parametrize("place", ["scans/anna", "scans/anna/1.2.840.5", "scans"])
def test_a_single_series_is_found_wherever_it_lies(tmp_path, place):
    write_series(tmp_path / place, GRIDS["axial"], voxels_of())
    (tmp_path / place / "DICOMDIR").touch()
    (files,) = find_scans(tmp_path / "scans", ["ct"]).values()
    assert files == [tmp_path / place]


def two_series(folder):
    write_series(folder, GRIDS["axial"], voxels_of(), uid="1.2.9")


def a_hole(folder):
    sorted(folder.iterdir())[1].unlink()


def a_point_in_time_more(folder):
    write_series(folder, GRIDS["axial"], voxels_of(), SOPInstanceUID="1.2.77")
    for file in list(folder.iterdir()):
        file.with_name(f"{file.name}b").write_bytes(file.read_bytes())


def other_sizes(folder):
    write_series(folder, GRIDS["axial"], voxels_of((1, 5, 7)))


def several_frames(folder):
    write_series(folder, GRIDS["axial"], voxels_of(), NumberOfFrames=2)


def no_position(folder):
    write_series(folder, GRIDS["axial"], voxels_of(), ImagePositionPatient=None)


def a_cut_file(folder):
    file = min(folder.iterdir())
    file.write_bytes(file.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (two_series, "holds 2 series"),
        (a_hole, "not at equal distances"),
        (a_point_in_time_more, "not at equal distances"),
        (other_sizes, "differ in Columns"),
        (several_frames, "several frames"),
        (no_position, "no ImagePositionPatient"),
        (a_cut_file, "damaged"),
    ],
)
def test_what_is_no_volume_is_refused_in_one_line(tmp_path, harm, message):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    harm(folder)
    with pytest.raises(McwssError, match=message) as caught:
        read_scan("scan", ["t1"], [folder]).volume()
    assert "\n" not in str(caught.value)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(McwssError, match=r"expected .* a folder with a DICOM series"):
        read_header(tmp_path)


def test_the_extra_is_named_where_pydicom_is_missing(tmp_path, monkeypatch):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(McwssError, match=r"napari-mcwss\[dicom\]"):
        read_header(folder)
