"""A folder of pictures is one volume where it is named as a scan, and nowhere else."""

import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.finding import find_scans, find_stacks
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.labels import read_labels
from napari_mcwss.scans.reading import read_header, read_mask, read_scan
from napari_mcwss.tags.importing import tags_from_mask

VOLUME = np.random.default_rng(0).integers(0, 200, (12, 6, 5)).astype(np.uint8)
"""Slices, rows, columns."""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "scans" / "p1"
    folder.mkdir(parents=True)
    for number, pixels in enumerate(VOLUME, 1):
        Image.fromarray(pixels).save(folder / f"slice{number}.png")
    return folder


def test_slices_are_in_the_order_of_their_numbers(folder):
    scan = read_scan("p1", ["image"], [folder])
    np.testing.assert_array_equal(scan.volume()[0], VOLUME)
    assert not scan.geometry.in_mm
    np.testing.assert_array_equal(read_mask(folder), VOLUME)


def test_folders_of_pictures_are_scans_of_their_own_unless_asked(folder):
    found = find_scans(folder, ["image"])
    assert len(found) == len(VOLUME)
    assert find_stacks(folder.parent) == {"p1": [folder]} == find_stacks(folder)


def test_stacks_of_tiff_keep_their_values(tmp_path):
    volume = np.random.default_rng(1).normal(0, 9, (3, 4, 5)).astype(np.float32)
    for number, pixels in enumerate(volume):
        tifffile.imwrite(tmp_path / f"{number}.tif", pixels)
    np.testing.assert_array_equal(read_scan("a", ["x"], [tmp_path]).volume()[0], volume)


def test_colours_are_channels_or_their_luminance(tmp_path):
    volume = np.random.default_rng(2).integers(0, 255, (3, 4, 5, 3)).astype(np.uint8)
    for number, pixels in enumerate(volume):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    scan = read_scan("a", ["red", "green", "blue"], [tmp_path])
    np.testing.assert_array_equal(scan.volume(), np.moveaxis(volume, -1, 0))
    assert read_scan("a", ["x"], [tmp_path]).volume().shape == (1, 3, 4, 5)


def test_a_slice_of_another_size_is_named(folder):
    Image.fromarray(VOLUME[0, :4]).save(folder / "slice7.png")
    with pytest.raises(McwssError, match=r"slice7\.png' is 1x5x4 .*expected slices of one"):
        read_scan("p1", ["image"], [folder]).volume()


def test_other_files_in_the_folder_are_named(folder):
    (folder / "notes.txt").write_text("second visit")
    with pytest.warns(UserWarning, match=r"volume of 12 slices, without notes\.txt"):
        read_header(folder)


def test_a_stack_among_slices_is_refused(tmp_path):
    for name in "ab":
        stack = np.zeros((3, 4, 5), np.uint8)
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(McwssError, match="is a stack of its own"):
        read_header(tmp_path)


def test_the_command_makes_a_study_of_stacks_and_tags_them_from_masks(run, folder, tmp_path):
    masks = tmp_path / "masks" / "p1"
    masks.mkdir(parents=True)
    for number, pixels in enumerate(VOLUME, 1):
        Image.fromarray((pixels > 190).astype(np.uint8) * 255).save(masks / f"m{number}.png")
    study = tmp_path / "study"
    options = ("--scans", folder.parent, "--class", "spot")
    assert run("new", study, *options, "--stacks")[0] == 0
    assert run("tags", "from-masks", study, "--masks", masks.parent, "--map", "spot=255")[0] == 0
    from napari_mcwss.study.study import Study

    opened = Study.open(study)
    assert opened.slices("p1") == len(VOLUME)
    assert (opened.tags.read("p1").values[:, 0] == (VOLUME > 190).any((1, 2))).all()
    read = read_labels(
        find_masks(str(masks.parent), {"p1": folder})["p1"], read_header(folder).geometry
    )
    np.testing.assert_array_equal(read.voxels([255]), VOLUME > 190)


def test_many_pictures_in_sub_folders_are_asked_about(folder, refused, tmp_path):
    for number in range(30):
        Image.fromarray(VOLUME[0]).save(folder / f"more{number}.png")
    line = refused("new", tmp_path / "study", "--scans", folder.parent, "--class", "spot")
    assert "if each is a slice, say so (--stacks)" in line


def test_segment_takes_a_folder_of_stacks_if_the_user_says_so(run, refused, folder, tmp_path):
    study = tmp_path / "study"
    run("new", study, "--scans", folder.parent, "--class", "spot", "--stacks")
    from napari_mcwss.study.study import Study

    spots = (np.arange(12) % 2)[:, None, None] * np.ones(VOLUME.shape[1:], np.uint8)
    Study.open(study).tags.update("p1", tags_from_mask(spots, {"spot": [1]}))
    command = ("--model", "m", "--device", "cpu")
    run("train", study, *command, "--preset", "local", "--epochs", 1, "--width", 2)
    more = tmp_path / "more"
    shutil.copytree(folder, more / "p2")
    command = ("segment", study, *command, "--folder", more)
    assert "if pictures in a folder are slices of one scan, say so (--stacks)" in refused(*command)
    assert "1 scan segmented" in run(*command, "--stacks")[1]
    assert Study.open(study).slices("p2") == len(VOLUME)
    assert "p2" in Study.open(study).scan_names
    (empty := tmp_path / "empty").mkdir()
    assert "no folder of slices in" in refused(*command[:-1], empty, "--stacks")
    assert "name the folder" in refused(*command[:-2], "--stacks")
