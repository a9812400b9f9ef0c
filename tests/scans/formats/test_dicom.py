"""A DICOM series is a file like others: found, read and written back onto its voxels."""

import sys

import nibabel as nib
import numpy as np
import pytest
from helpers.dicom_series import image_of, pydicom, write_enhanced, write_series
from helpers.orientations import affine_of, turned

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.voxel_size import voxel_volume
from napari_mcwss.scans.default_channels import default_channels
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


def a_hole(folder):
    sorted(folder.iterdir())[1].unlink()


def a_point_in_time_more(folder):
    for file in list(folder.iterdir()):
        image = pydicom.dcmread(file)
        image.SOPInstanceUID += ".1"
        image.save_as(file.with_name(f"{file.name}b"))


def other_sizes(folder):
    write_series(folder, GRIDS["axial"], voxels_of((1, 5, 7)))


def more_frames_than_pixels(folder):
    write_series(folder, GRIDS["axial"], voxels_of(), NumberOfFrames=200)


def in_colours(folder):
    write_series(folder, GRIDS["axial"], voxels_of(), SamplesPerPixel=3)


def a_mosaic(folder):
    write_series(folder, GRIDS["axial"], voxels_of(), ImageType=["ORIGINAL", "PRIMARY", "MOSAIC"])


def another_file_of_the_name(folder):
    (folder / "notes.dcm").write_text("hello" * 99)


def no_position(folder):
    write_series(folder, GRIDS["axial"], voxels_of(), ImagePositionPatient=None)


def a_cut_file(folder):
    file = min(folder.iterdir())
    file.write_bytes(file.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (a_hole, r"an image is missing between '.*1\.2\.5-98' and '.*1\.2\.5-96'"),
        (a_point_in_time_more, "not at equal distances: there is no distance between"),
        (other_sizes, "differ in Columns"),
        (more_frames_than_pixels, "and it holds"),
        (in_colours, "1.2.5-96' is in colours"),
        (a_mosaic, "is a Siemens mosaic"),
        (another_file_of_the_name, r"notes\.dcm' is damaged or not .* no elements of an image"),
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


MALFORMED = {
    "NumberOfFrames": ("IS", b"1A"),
    "PixelSpacing": ("DS", b"0,5\\0,5 "),
    "ImagePositionPatient": ("DS", b"-12\\-10"),
    "ImageOrientationPatient": ("DS", b"1\\0\\0\\0\\1 "),
    "RescaleSlope": ("DS", b"1,0 "),
    "RescaleIntercept": ("DS", b"nan "),
    "SliceThickness": ("DS", b"abc "),
    "BitsAllocated": ("DS", b"1.5 "),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_malformed_value_is_told_with_file_and_field(tmp_path, name):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    changed(min(folder.iterdir()), name, *MALFORMED[name])
    with pytest.raises(McwssError, match=rf"1\.2\.5-96': {name} is '.*expected") as caught:
        read_header(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["NumberOfFrames", "RescaleSlope", "RescaleIntercept"])
@pytest.mark.filterwarnings("ignore:A value of 'None':UserWarning")
def test_an_empty_value_is_none(tmp_path, name):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    for file in list(folder.iterdir()):
        changed(file, name, "IS" if name == "NumberOfFrames" else "DS", b"")
    np.testing.assert_array_equal(volume_of(folder), volume_of(reference(tmp_path)))


def changed(file, name, kind, value):
    """Put raw bytes in place of an attribute."""
    image = pydicom.dcmread(file)
    tag = pydicom.tag.Tag(pydicom.datadict.tag_for_keyword(name))
    raw = pydicom.dataelem.RawDataElement(tag, kind, len(value), value, 0, False, True)
    image._dict[tag] = raw
    image.save_as(file)


def reference(tmp_path):
    """Write the series that others are compared with."""
    return write_series(tmp_path / "reference", GRIDS["axial"], voxels_of())


def volume_of(folder, channels=("t1",)):
    volume = read_scan("scan", channels, [folder]).volume()
    return volume[0] if len(volume) == 1 else volume


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("implicit", [True, False])
def test_images_without_preamble_are_read_too(tmp_path, count, implicit):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    for file in sorted(folder.iterdir())[:count]:
        image = pydicom.dcmread(file)
        del image.file_meta
        pydicom.dcmwrite(
            file, image, implicit_vr=implicit, little_endian=True, enforce_file_format=False
        )
    np.testing.assert_array_equal(volume_of(folder), volume_of(reference(tmp_path)))


COMPRESSIONS = {
    "RLELossless": None,
    "JPEGLSLossless": None,
    "JPEG2000Lossless": "JPEG2000",
    "JPEGLosslessSV1": "JPEG",
}


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_compressed_images_have_the_values_of_the_others(tmp_path, name):
    # ITK crashes when it compresses smaller images as JPEG 2000.
    voxels = voxels_of((4, 64, 60))
    folder = write_series(
        tmp_path / "t1", GRIDS["oblique"], voxels, RescaleSlope=2, RescaleIntercept=-7
    )
    expected = volume_of(folder)
    for file in list(folder.iterdir()):
        compress(file, name)
    assert pydicom.dcmread(file).file_meta.TransferSyntaxUID == getattr(pydicom.uid, name)
    np.testing.assert_array_equal(volume_of(folder), expected)


def compress(file, name):
    """Compress a file with pydicom, or with ITK what pydicom cannot write."""
    image = pydicom.dcmread(file)
    if COMPRESSIONS[name] is None:
        image.compress(getattr(pydicom.uid, name))
        image.save_as(file)
        return
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    stored = sitk.GetImageFromArray(image.pixel_array[None])
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetCompressor(COMPRESSIONS[name])
    writer.UseCompressionOn()
    writer.SetFileName(str(file.with_suffix(".dcm")))
    writer.Execute(stored)
    encoded = pydicom.dcmread(file.with_suffix(".dcm"))
    file.with_suffix(".dcm").unlink()
    image.file_meta.TransferSyntaxUID = encoded.file_meta.TransferSyntaxUID
    image.PixelData = encoded.PixelData
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    image.save_as(file)


def test_a_compression_that_cannot_be_read_is_told_with_the_header(tmp_path):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    for file in list(folder.iterdir()):
        image = pydicom.dcmread(file)
        image.file_meta.TransferSyntaxUID = pydicom.uid.MPEG2MPML
        image.PixelData = pydicom.encaps.encapsulate([b"0" * 10])
        image["PixelData"].VR = "OB"
        image.save_as(file)
    with pytest.raises(McwssError, match=r"is compressed as MPEG2 .* cannot be decoded here"):
        read_header(folder)


@pytest.mark.parametrize("affine", GRIDS.values(), ids=GRIDS)
def test_an_enhanced_file_is_the_series_of_its_frames(tmp_path, affine):
    intercepts = np.arange(len(voxels_of()))[::-1, None, None].astype(np.int16)
    folder = write_enhanced(tmp_path / "all", affine, voxels_of())
    other = write_series(tmp_path / "t1", affine, voxels_of() + intercepts)
    mine, theirs = read_header(folder).geometry, read_header(other).geometry
    np.testing.assert_allclose(mine.affine, theirs.affine, atol=1e-6)
    np.testing.assert_array_equal(volume_of(folder), volume_of(other))


def test_copies_of_images_are_left_out_and_named(tmp_path):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    file = min(folder.iterdir())
    file.with_name("copy").write_bytes(file.read_bytes())
    with pytest.warns(UserWarning, match=r"holds 1 image twice: left out '.*copy'"):
        np.testing.assert_array_equal(volume_of(folder), volume_of(reference(tmp_path)))


def test_positions_that_the_scanner_has_rounded_are_told(tmp_path):
    folder = tmp_path / "t1"
    folder.mkdir()
    affine = affine_of((0, 1, 2), (1, 1, 1), (1, 1, 2.55))
    for k, pixels in enumerate(voxels_of()):
        image = image_of(affine, pixels, k, SeriesInstanceUID="1.2.5")
        image.ImagePositionPatient[2] = f"{float(image.ImagePositionPatient[2]):.1f}"
        image.save_as(folder / str(k), enforce_file_format=True)
    with pytest.warns(UserWarning, match=r"are up to 0\..* mm from equal distances"):
        geometry = read_header(folder).geometry
    assert geometry.shape == SHAPE
    assert abs(geometry.spacing[0] - 2.55) < 0.02


def test_series_of_one_grid_in_one_folder_are_channels(tmp_path):
    for number, name in enumerate(("T1", "flair")):
        write_series(
            tmp_path / "anna",
            GRIDS["axial"],
            voxels_of() + np.int16(number),
            uid=f"1.2.{9 - number}",
            SeriesDescription=name,
            SeriesNumber=number,
        )
    with pytest.warns(UserWarning, match=r"2 series, which are read as channels in .*: T1, "):
        volume = volume_of(tmp_path / "anna", ("a", "b"))
    np.testing.assert_array_equal(volume[1], volume[0] + 1)
    with pytest.warns(UserWarning, match="2 series"):
        assert default_channels([tmp_path]) == ["T1", "flair"]


def test_series_of_several_grids_in_one_folder_are_named(tmp_path):
    write_series(tmp_path, GRIDS["axial"], voxels_of(), SeriesDescription="T1")
    write_series(tmp_path, GRIDS["axial"], voxels_of()[:2], uid="1.2.9", SeriesDescription="DWI")
    with pytest.raises(McwssError, match=r"holds 2 series \(T1 4x5x6, DWI 2x5x6\), of which DWI"):
        read_header(tmp_path)


def test_a_directory_names_the_images_below(tmp_path):
    write_series(tmp_path / "p1" / "DICOM" / "S1", GRIDS["axial"], voxels_of())
    (tmp_path / "p1" / "DICOMDIR").touch()
    assert find_scans(tmp_path, ["t1"]) == {"p1": [tmp_path / "p1"]}
    np.testing.assert_array_equal(volume_of(tmp_path / "p1"), volume_of(reference(tmp_path)))


@pytest.mark.parametrize(("colours", "sign"), [("MONOCHROME1", -1), ("MONOCHROME2", 1)])
def test_an_x_ray_is_a_picture_in_which_what_is_dense_is_bright(tmp_path, colours, sign):
    (tmp_path / "xr").mkdir()
    pixels = voxels_of()[0]
    image = image_of(np.eye(4), pixels, 0, PhotometricInterpretation=colours, Modality="DX")
    for name in ("ImagePositionPatient", "ImageOrientationPatient"):
        delattr(image, name)
    image.SeriesInstanceUID = "1.2.5"
    image.save_as(tmp_path / "xr" / "1", enforce_file_format=True)
    scan = read_scan("scan", ["xr"], [tmp_path / "xr"])
    assert not scan.geometry.in_mm
    np.testing.assert_array_equal(scan.volume()[0, 0], pixels if sign > 0 else -1 - pixels)


def test_a_tilted_gantry_gives_voxels_their_true_volume(tmp_path):
    tilt = np.radians(15)
    affine = np.diag([1.0, 1, 2, 1])
    affine[1:3, 1] = np.cos(tilt), -np.sin(tilt)
    geometry = read_header(write_series(tmp_path / "ct", affine, voxels_of())).geometry
    assert voxel_volume(geometry.spacing) == pytest.approx(2 * np.cos(tilt))
    assert geometry.spacing == pytest.approx((2, 1, 1))


def test_what_is_stored_beside_images_is_passed_over(tmp_path):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    write_series(folder, GRIDS["axial"], voxels_of(), uid="1.2.8", Modality="SEG")
    (folder / "notes.txt").write_text("a" * 999)
    np.testing.assert_array_equal(volume_of(folder), volume_of(reference(tmp_path)))


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(McwssError, match=r"expected .* a folder with a DICOM series"):
        read_header(tmp_path)


def test_the_extra_is_named_where_pydicom_is_missing(tmp_path, monkeypatch):
    folder = write_series(tmp_path / "t1", GRIDS["axial"], voxels_of())
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(McwssError, match=r"napari-mcwss\[dicom\]"):
        read_header(folder)
