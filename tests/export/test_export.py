"""Results reach other programs on the same voxels, and what cannot go there is named."""

import csv
import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_mcwss.export.cases import ExportCase, plain_names
from napari_mcwss.export.nnunet import doubtful_pixels
from napari_mcwss.export.registry import EXPORTS
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.results import MASK
from napari_mcwss.study.study import Study

THREE = ("--scans", "phantom01,phantom02,phantom03")
KINDS = ("nnunet", "bids", "figures")


def export(run, kind: str, study: Study, out: Path, *options: str):
    return run("export", kind, study.folder, out, "--model", "model-1", *options)


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_nnunet_gets_the_scans_and_labels_of_sure_pixels(run, segmented: Study, tmp_path):
    out = tmp_path / "Dataset501_Heads"
    assert export(run, "nnunet", segmented, out, *THREE)[0] == 0
    described = json.loads((out / "dataset.json").read_text())
    assert described == {
        "channel_names": {"0": "t1c", "1": "flair"},
        "labels": {"background": 0, "TC": 1, "ED": 2, "ignore": 3},
        "numTraining": 3,
        "file_ending": ".nii.gz",
    }
    for name in ("phantom01", "phantom02", "phantom03"):
        label = nib.load(out / "labelsTr" / f"{name}.nii.gz")
        result = nib.load(segmented.result_folder("model-1", name) / MASK)
        assert np.array_equal(label.dataobj, result.dataobj)
        for number, file in enumerate(segmented.files(name)):
            image = nib.load(out / "imagesTr" / f"{name}_{number:04}.nii.gz")
            assert np.array_equal(image.affine, label.affine)
            assert np.array_equal(image.dataobj, voxels(file))


def test_nnunet_is_told_which_reader_takes_a_sheared_scan(run, segmented: Study, tmp_path):
    file = segmented.files("phantom01")[0]
    image = nib.load(file)
    sheared = image.affine.copy()
    sheared[1, 2] = 0.6
    for path in segmented.files("phantom01"):
        nib.Nifti1Image(voxels(path), sheared).to_filename(path)
    assert export(run, "nnunet", segmented, tmp_path / "Dataset501_Heads", *THREE)[0] == 0
    described = json.loads((tmp_path / "Dataset501_Heads" / "dataset.json").read_text())
    assert described["overwrite_image_reader_writer"] == "NibabelIOWithReorient"


def test_doubtful_pixels():
    cam = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], np.float32)
    mask = (cam >= 0.5).astype(np.uint8)
    slices = 5
    scan = Scan.from_array(
        "s", ["t"], np.zeros((1, slices, 1, 6), np.float32),
        Geometry.from_source((6, 1, slices), np.eye(4)),
    )  # fmt: skip
    masks = np.broadcast_to(mask, (slices, 1, 6)).copy()
    masks[4] = 0
    scores = np.array([[0.9], [0.5], [0.1], [0.5], [0.9]], np.float32)
    case = ExportCase(scan, masks, np.broadcast_to(cam, (1, slices, 1, 6)), scores)
    tags = np.array([[-1], [-1], [-1], [1], [-1]], np.int8)
    found = doubtful_pixels(case, tags)[:, 0].astype(int).tolist()
    assert found == [
        [0, 0, 1, 1, 0, 0],  # A sure slice: only what is near the threshold.
        [0, 0, 1, 1, 1, 1],  # An unsure one: all that may be the class.
        [0, 0, 0, 1, 1, 1],  # One without it: the mask is wrong there.
        [0, 0, 1, 1, 0, 0],  # A tag says more than the score.
        [0, 0, 1, 1, 1, 1],  # Evidence that the mask has not followed.
    ]


def test_bids_has_names_tables_and_maps_of_the_standard(run, segmented: Study, tmp_path):
    out = tmp_path / "derivatives"
    assert export(run, "bids", segmented, out, *THREE)[0] == 0
    described = json.loads((out / "dataset_description.json").read_text())
    assert described["DatasetType"] == "derivative"
    stem = "sub-phantom01_space-orig_seg-model1"
    anat = out / "sub-phantom01" / "anat"
    assert {path.name for path in anat.iterdir()} == {
        f"{stem}{end}.nii.gz" for end in ("_dseg", "_label-TC_probseg", "_label-ED_probseg")
    }
    result = segmented.result_folder("model-1", "phantom01")
    assert np.array_equal(voxels(anat / f"{stem}_dseg.nii.gz"), voxels(result / MASK))
    cam = voxels(anat / f"{stem}_label-TC_probseg.nii.gz")
    assert np.allclose(cam, voxels(result / "cam_TC.nii.gz"))
    for name in ("dseg", "label-TC_probseg", "label-ED_probseg"):
        assert json.loads((out / f"{name}.json").read_text())["SpatialReference"] == "orig"
    with (out / "dseg.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["index"], row["name"]) for row in rows] == [
        ("0", "background"),
        ("1", "TC"),
        ("2", "ED"),
    ]


def test_bids_says_mm_where_the_scan_names_no_unit(run, segmented: Study, tmp_path):
    for file in segmented.files("phantom01"):
        image = nib.load(file)
        image.header.set_xyzt_units("unknown", "unknown")
        image.to_filename(tmp_path / file.name)
        shutil.copy(tmp_path / file.name, file)
    result = Study.open(segmented.folder)
    assert export(run, "bids", result, tmp_path / "out", "--scans", "phantom01")[0] == 0
    written = nib.load(next((tmp_path / "out").rglob("*_dseg.nii.gz")))
    assert written.header.get_xyzt_units() == ("mm", "unknown")
    assert np.array_equal(written.affine, nib.load(segmented.files("phantom01")[0]).affine)


def test_figures_show_the_chosen_slices_in_the_colours_of_the_classes(
    run, segmented: Study, tmp_path
):
    out = tmp_path / "figures"
    assert export(run, "figures", segmented, out, *THREE, "--slices", "4,5")[0] == 0
    assert sorted(path.name for path in out.iterdir()) == [
        f"phantom0{n}_slice00{z}.png" for n in (1, 2, 3) for z in (4, 5)
    ]
    with Image.open(out / "phantom01_slice004.png") as figure:
        pixels = np.asarray(figure).reshape(-1, 3)
    for spec in segmented.classes:
        colour = [int(spec.colour[n : n + 2], 16) for n in (1, 3, 5)]
        assert (pixels == colour).all(1).sum() > 100


@pytest.mark.parametrize("kind", KINDS)
def test_scans_that_nobody_named_and_nobody_segmented_are_only_noted(
    run, segmented: Study, tmp_path, kind
):
    out = tmp_path / "Dataset501_Heads"
    code, _, err = export(run, kind, segmented, out)
    assert code == 0
    assert "note: without phantom04, not segmented by model model-1: " in err
    assert "segment them first" in err
    assert "error" not in err
    assert [path for path in out.rglob("*phantom03*") if path.is_file() or path.is_dir()]
    assert not list(out.rglob("*phantom04*"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_named_scan_without_results_and_a_bad_file_are_errors_and_stop_nothing(
    run, segmented: Study, tmp_path, kind
):
    (segmented.result_folder("model-1", "phantom02") / MASK).write_bytes(b"no gzip")
    out = tmp_path / "Dataset501_Heads"
    names = "phantom01,phantom02,phantom03,phantom04"
    code, _, err = export(run, kind, segmented, out, "--scans", names)
    assert code == 2
    assert "note:" not in err
    last = err.strip().splitlines()[-1]
    assert "error: 2 of 4 scans could not be exported, see above: phantom02, phantom04" in last
    assert [path for path in out.rglob("*phantom03*") if path.is_file() or path.is_dir()]
    assert not list(out.rglob("*phantom02*"))
    assert not list(out.rglob("*phantom04*"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_already_stays(refused, segmented: Study, tmp_path, kind):
    out = tmp_path / "Dataset501_Heads"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    assert "exists already" in export(refused, kind, segmented, out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_folder_is_left_where_nothing_could_be_exported(
    refused, segmented: Study, tmp_path, kind
):
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "Dataset501_Heads"
    assert "no scan could be" in export(refused, kind, segmented, out, "--scans", "phantom04")
    assert sorted(tmp_path.iterdir()) == before


def test_a_name_that_nnunet_does_not_know_is_refused(refused, segmented: Study, tmp_path):
    assert "Dataset501_" in export(refused, "nnunet", segmented, tmp_path / "heads", *THREE)


@pytest.mark.parametrize("name", ["Müller's heads (2)", "病", "glioma_4"])
def test_any_study_has_a_proposed_name_that_nnunet_knows(segmented: Study, tmp_path, name):
    proposed = EXPORTS["nnunet"].propose(tmp_path / name)
    assert EXPORTS["nnunet"].plan(segmented, "model-1", segmented.scan_names, tmp_path / proposed)


def test_names_are_made_plain_and_stay_apart():
    given = plain_names(["a_1", "a-1", "A1", "a1x2", "é (3)", "病"])
    assert len({name.casefold() for name in given.values()}) == len(given)
    assert all(re.fullmatch("[A-Za-z0-9]+", name) for name in given.values())
    assert given["a_1"] == "a1"


def test_a_mask_that_was_corrected_and_is_right_is_exported_without_doubt(
    run, segmented: Study, tmp_path
):
    scan = segmented.scan("phantom01")
    labels = np.zeros(scan.geometry.shape, np.uint8)
    labels[2:4, 5:9, 5:9] = 2
    save_corrected(segmented, "phantom01", CorrectedMask(labels, right=True))
    for kind, folder in (("bids", "bids"), ("nnunet", "Dataset501_Glioma")):
        found = export(run, kind, segmented, tmp_path / folder, "--scans", "phantom01")
        assert found[0] == 0, found
    expected = scan.geometry.to_source(labels)
    (mask,) = (tmp_path / "Dataset501_Glioma" / "labelsTr").iterdir()
    np.testing.assert_array_equal(voxels(mask), expected)
    (mask,) = (tmp_path / "bids").rglob("*_dseg.nii.gz")
    np.testing.assert_array_equal(voxels(mask), expected)
