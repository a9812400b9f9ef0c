"""Channels that nobody has named: colours of pictures, or the ends of file names."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.default_channels import channels_of, default_channels
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.reading import read_scan
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.study.study import Study

COLOURS = ["red", "green", "blue"]
RNG = np.random.default_rng(0)


def grey(folder, name):
    pixels = RNG.integers(0, 256, (6, 9), np.uint8)
    return save(folder, name, Image.fromarray(pixels))


def grey_as_rgb(folder, name):
    pixels = RNG.integers(0, 256, (6, 9), np.uint8)
    return save(folder, name, Image.fromarray(pixels).convert("RGB"))


def coloured(folder, name):
    return save(folder, name, Image.fromarray(RNG.integers(0, 256, (6, 9, 3), np.uint8)))


def with_palette(folder, name, colours):
    picture = Image.fromarray(RNG.integers(0, 2, (6, 9), np.uint8))
    picture.putpalette([*colours[0], *colours[1]])
    return save(folder, name, picture)


def save(folder, name, picture):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def test_a_folder_of_coloured_pictures(tmp_path):
    for n in range(3):
        coloured(tmp_path, f"wound{n}.png")
    assert default_channels([tmp_path]) == COLOURS


def test_coloured_pictures_in_sub_folders(tmp_path):
    for n in range(3):
        coloured(tmp_path, f"patient{n}/photo.jpg")
    assert default_channels([tmp_path]) == COLOURS


def test_coloured_pictures_chosen_one_by_one(tmp_path):
    assert default_channels([coloured(tmp_path, f"{n}.png") for n in range(2)]) == COLOURS


@pytest.mark.parametrize("make", [grey, grey_as_rgb])
def test_grey_pictures_are_one_channel_however_they_are_stored(tmp_path, make):
    for n in range(3):
        make(tmp_path, f"{n}.png")
    assert default_channels([tmp_path]) == ["image"]


def test_a_grey_jpeg_stored_in_colours_is_grey(tmp_path):
    grey_as_rgb(tmp_path, "a.jpg")
    assert default_channels([tmp_path]) == ["image"]


@pytest.mark.parametrize(
    ("palette", "channels"),
    [([(0, 0, 0), (255, 0, 0)], COLOURS), ([(9, 9, 9), (80, 80, 80)], ["image"])],
)
def test_a_palette_counts_as_it_looks(tmp_path, palette, channels):
    with_palette(tmp_path, "a.png", palette)
    assert default_channels([tmp_path]) == channels


def test_one_coloured_picture_behind_many_grey_ones_makes_colours(tmp_path):
    for n in range(20):
        grey(tmp_path, f"{n:02d}.png")
    coloured(tmp_path, "last.png")
    assert default_channels([tmp_path]) == COLOURS


def test_a_coloured_mask_beside_grey_pictures_counts_for_nothing(tmp_path):
    grey(tmp_path, "a.png")
    coloured(tmp_path, "a_mask.png")
    assert default_channels([tmp_path]) == ["image"]


def test_files_of_one_scan_are_named_after_their_ends(tmp_path):
    for name in ("a/t1.nii.gz", "a/flair.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert default_channels([tmp_path]) == ["flair", "t1"]


def test_many_pictures_in_a_sub_folder_are_not_taken_for_channels(tmp_path):
    for n in range(21):
        grey(tmp_path, f"images/{n}.png")
    with pytest.raises(McwssError, match=r"images' holds 21 images.*choose this folder"):
        default_channels([tmp_path])
    assert default_channels([tmp_path / "images"]) == ["image"]


def touched(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ("t1c.nii.gz", "flair.nii.gz"),
        ("T1c.nii.gz", "FLAIR.nii.gz", "seg.nii.gz"),
        ("BraTS_0001_t1c.nii.gz", "BraTS_0001_flair.nii.gz"),
    ],
)
def test_the_channels_of_one_patient_are_not_taken_for_patients(tmp_path, names):
    folder = touched(tmp_path / "pat0001", *names)
    with pytest.raises(McwssError) as told:
        default_channels([folder])
    assert f"'{folder}' are named like channels (flair, t1c)".lower() in str(told.value).lower()
    assert "expected a sub-folder or a file for each scan" in str(told.value)
    assert "choose the folder above it" in str(told.value)
    assert [len(files) for files in find_scans(folder, ["flair", "t1c"]).values()] == [2]
    assert [name.lower() for name in default_channels([tmp_path])] == ["flair", "t1c"]


def test_the_channels_of_several_patients_in_one_folder_are_to_be_named(tmp_path):
    names = [f"{scan}_{channel}.nii.gz" for scan in "ab" for channel in ("t1", "flair")]
    with pytest.raises(McwssError, match=r"named like channels \(flair, t1\).*name the channels"):
        default_channels([touched(tmp_path, *names)])
    assert [*find_scans(tmp_path, ["flair", "t1"])] == ["a", "b"]


@pytest.mark.parametrize(
    "names",
    [
        ("pat0001.nii.gz", "pat0002.nii.gz"),
        ("pat1_t1.nii.gz", "pat2_t1.nii.gz"),
        ("pat1_t1.nii.gz", "pat2_flair.nii.gz"),
        ("t1.nii.gz", "t1_mask.nii.gz"),
        ("t1.nii.gz", "t2.nii.gz", "t3.nii.gz"),
    ],
)
def test_files_of_a_patient_each_go_on_being_scans(tmp_path, names):
    for name in names:
        volume = np.zeros((3, 4, 5), np.float32)
        nib.Nifti1Image(volume, np.eye(4)).to_filename(tmp_path / name)
    assert default_channels([tmp_path]) == ["image"]
    assert len(find_scans(tmp_path, ["image"])) == sum("mask" not in name for name in names)


def test_of_files_that_are_known(tmp_path):
    scans = {"a": [coloured(tmp_path, "a.png")], "b": [grey(tmp_path, "b.png")]}
    assert channels_of(scans) == COLOURS
    assert channels_of({"b": scans["b"]}) == ["image"]
    with pytest.raises(McwssError, match="scan c has 2 files: name their channels"):
        channels_of({"c": [*scans["a"], *scans["b"]]})


def test_in_a_study_of_colours_grey_pictures_are_repeated(tmp_path):
    coloured(tmp_path / "scans", "a.png")
    path = grey(tmp_path / "scans", "b.png")
    study = Study.create(tmp_path / "study", scans=tmp_path / "scans", classes=["x"])
    assert study.channels == ("red", "green", "blue")
    volume = study.scan("b").volume()
    np.testing.assert_array_equal(volume[:, 0], [np.asarray(Image.open(path))] * 3)
    assert np.ptp(study.scan("a").volume(), axis=0).any()


def test_a_grey_volume_is_not_taken_for_a_coloured_picture(tmp_path):
    geometry = read_scan("a", ["image"], [grey(tmp_path, "a.png")]).geometry
    write_volume(tmp_path / "a.nii.gz", np.ones(geometry.shape), geometry, dtype=np.uint8)
    with pytest.raises(McwssError, match="expected 3"):
        read_scan("a", COLOURS, [tmp_path / "a.nii.gz"])


def test_a_channel_that_is_named_is_read_in_grey(tmp_path):
    coloured(tmp_path / "scans", "a.png")
    study = Study.create(
        tmp_path / "study", scans=tmp_path / "scans", channels=["grey"], classes=["x"]
    )
    assert study.scan("a").volume().shape == (1, 1, 6, 9)
