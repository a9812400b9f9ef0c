"""The command line, as a user types it."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from torch import Tensor

from napari_mcwss.cli import app as cli
from napari_mcwss.cli.app import ORDER
from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.model.preset import Maps
from napari_mcwss.model.presets.local import Local
from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress, Segmented
from napari_mcwss.study.study import Study
from napari_mcwss.training.process.event_json import Began, Error, from_line


@pytest.fixture
def scans(tagged_folder: Path, tmp_path: Path) -> Path:
    """Small phantoms to be spoilt at will."""
    return Path(shutil.copytree(tagged_folder / "scans", tmp_path / "phantoms"))


def test_a_warning_is_told_once_whatever_raises_it(run, tmp_path, monkeypatch):
    def warn(*_: object) -> None:
        for number in (1, 1, 2):
            warnings.warn_explicit(f"model m{number} is unfinished", UserWarning, "x.py", number)
        warnings.warn_explicit("model m1 is unfinished", UserWarning, "y.py", 7)

    monkeypatch.setattr(cli.Study, "open", warn)
    monkeypatch.setattr("napari_mcwss.plugin.launch.open_study", warn)
    _, _, err = run("open", tmp_path)
    assert err.count("warning: model m1 is unfinished") == 1
    assert err.count("warning: model m2 is unfinished") == 1


CLASSES = ("--class", "TC", "--class", "ED")
MASKS = ("--masks", "seg", "--map", "TC=1", "--map", "ED=2")


def test_the_main_job_from_scans_to_measurements(run, scans, tmp_path):
    study, result = tmp_path / "study", tmp_path / "result.json"
    code, out, _ = run("new", study, "--scans", scans, "--channels", "t1c,flair", *CLASSES)
    assert (code, "4 scans" in out) == (0, True)
    code, out, _ = run("tags", "from-masks", study, *MASKS)
    assert code == 0
    assert out.count("9 slices") == 4
    learnt = "phantom01,phantom02,phantom03"
    options = ("--epochs", 1, "--width", 2, "--device", "cpu")
    code, _, err = run("train", study, "--model", "m", "--scans", learnt, *options)
    assert code == 0
    assert "epoch 1: loss" in err
    options = ("--scans", "phantom04", "--ignore-tags", "--device", "cpu")
    assert run("segment", study, "--model", "m", *options)[0] == 0
    folder = study / "results" / "m" / "phantom04"
    assert {path.name for path in folder.iterdir()} == {
        "mask.nii.gz",
        "cam_TC.nii.gz",
        "cam_ED.nii.gz",
        "scores.csv",
        "result.json",
    }
    mask, source = nib.load(folder / "mask.nii.gz"), nib.load(scans / "phantom04" / "t1c.nii.gz")
    assert mask.shape == source.shape
    assert np.array_equal(mask.affine, source.affine)

    union = ("--union", "WT=TC,ED", "--json", result)
    code, out, _ = run("evaluate", study, "--model", "m", *MASKS, *union)
    assert code == 0
    assert "location prior" in out
    written = json.loads(result.read_text())
    assert list(written) == ["scans", "mean", "baselines"]
    assert list(written["scans"]) == ["phantom04"]
    assert set(written["mean"]) == {"TC", "ED", "WT"}
    assert set(written["mean"]["WT"]) == {
        *("dice", "hd95_mm", "surface_mm", "sensitivity", "precision"),
        *("volume_ml", "reference_ml"),
    }
    assert set(written["baselines"]) == {"empty", "location_prior"}
    assert set(written["baselines"]["empty"]["TC"]) == {"dice"}
    assert (folder / "measurements.csv").exists()


def test_a_second_stage_with_a_corrected_mask(run, tagged_study: Study, tmp_path):
    corrected, name = tmp_path / "corrected", tagged_study.scan_names[2]
    corrected.mkdir()
    truth = tagged_study.files(name)[0].with_name("seg.nii.gz")
    shutil.copy(truth, corrected / f"{name}.nii.gz")
    options = ("--epochs", 1, "--width", 2, "--device", "cpu", "--pixel", 2, "--place")
    local = ("--preset", "local")
    refine = ("--refine", "--trust", corrected)
    code, _, err = run("train", tagged_study.folder, "--model", "m", *local, *options, *refine)
    assert code == 0
    assert "epoch 2: loss" in err
    info = read_info(tagged_study.model_folder("m"))
    assert (info.preset, info.trusted_scans) == ("refined", (name,))
    assert (info.pixel, info.place) == (2.0, True)
    assert run("segment", tagged_study.folder, "--model", "m", "--device", "cpu")[0] == 0


def test_what_the_tags_cannot_teach_is_noted(run, tagged_study: Study):
    for name in tagged_study.scan_names[1:]:
        table = tagged_study.tags.read(name)
        table.values[:, 0] = 0
        tagged_study.tags.write({name: table})
    options = ("--epochs", 1, "--width", 2, "--device", "cpu")
    code, _, err = run("train", tagged_study.folder, "--model", "m", *options)
    assert code == 0
    assert f"note: TC is present only in {tagged_study.scan_names[0]}" in " ".join(err.split())


def test_known_tags_of_a_scan_decide_unless_they_are_ignored(
    run, trained_study: Study, monkeypatch
):
    def see_all_everywhere(self: Local, images: Tensor, foreground: Tensor) -> Maps:
        everywhere = foreground.float().expand(-1, self.classes, -1, -1)
        return Maps(everywhere.amax((2, 3)), everywhere)

    monkeypatch.setattr(Local, "predict", see_all_everywhere)
    name = trained_study.scan_names[0]
    table = trained_study.tags.read(name)
    table.values[:] = 0
    trained_study.tags.write({name: table})
    folder = trained_study.folder
    options = ("--model", "model-1", "--scans", name, "--device", "cpu")
    mask = trained_study.result_folder("model-1", name) / "mask.nii.gz"
    run("segment", folder, *options)
    assert not np.asarray(nib.load(mask).dataobj).any()
    run("segment", folder, *options, "--ignore-tags")
    assert np.asarray(nib.load(mask).dataobj).any()


def test_a_missing_channel_is_named(refused, scans, tmp_path):
    (scans / "phantom02" / "flair.nii.gz").unlink()
    line = refused("new", tmp_path / "s", "--scans", scans, "--channels", "t1c,flair", *CLASSES)
    assert "phantom02" in line
    assert "flair" in line
    assert not (tmp_path / "s").exists()


def test_channels_of_different_shapes_are_named(refused, scans, tmp_path):
    path = scans / "phantom03" / "flair.nii.gz"
    image = nib.load(path)
    nib.save(image.slicer[:-1], path)
    line = refused("new", tmp_path / "s", "--scans", scans, "--channels", "t1c,flair", *CLASSES)
    assert "9x41x36" in line
    assert "9x41x35" in line


def test_a_truncated_file_is_named(refused, scans, tagged_study: Study):
    study = tagged_study.folder
    path = tagged_study.files("phantom01")[0]
    path.write_bytes(path.read_bytes()[:-2000])
    line = refused("train", study, "--model", "m", "--epochs", 1, "--device", "cpu")
    assert str(path) in line
    assert not tagged_study.model_names()


def test_a_file_that_is_no_image_is_named(refused, scans, tmp_path):
    (scans / "phantom01" / "t1c.nii.gz").write_text("not an image")
    line = refused("new", tmp_path / "s", "--scans", scans, "--channels", "t1c,flair", *CLASSES)
    assert "t1c.nii.gz" in line


def test_a_class_named_twice_is_refused(refused, scans, tmp_path):
    options = ("--scans", scans, "--channels", "t1c,flair", "--class", "TC", "--class", "tc")
    assert "tc" in refused("new", tmp_path / "s", *options)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("joined", ["TC,ED", "TC; ED"])
def test_classes_in_one_option_say_that_it_is_given_once_for_each(refused, scans, tmp_path, joined):
    options = ("--scans", scans, "--channels", "t1c,flair", "--class", joined)
    line = refused("new", tmp_path / "s", *options)
    assert f"{joined!r} looks like several classes" in line
    assert "--class TC --class ED" in line
    line = refused("new", tmp_path / "s", "--scans", scans, "--channels", "t1c;flair", *CLASSES)
    assert "separate the names with commas" in line


def test_a_tag_for_a_slice_that_does_not_exist_is_named(refused, tagged_study: Study):
    path = tagged_study.folder / "tags" / "phantom01.csv"
    path.write_text(path.read_text() + "9,1,1\n")
    before = path.read_bytes()
    line = refused("train", tagged_study.folder, "--model", "m", "--epochs", 1)
    assert "phantom01.csv" in line
    assert "9" in line
    assert path.read_bytes() == before


def test_a_class_without_a_present_slice_is_named(refused, tagged_study: Study):
    for name in tagged_study.scan_names:
        table = tagged_study.tags.read(name)
        table.values[:, 0] = 0
        tagged_study.tags.write({name: table})
    line = refused("train", tagged_study.folder, "--model", "m", "--epochs", 1)
    assert "no slice is tagged TC present" in line


def test_a_study_of_a_newer_version_is_refused_and_left_alone(refused, tagged_study: Study):
    path = tagged_study.folder / "mcwss.json"
    content = json.loads(path.read_text()) | {"format": 99}
    path.write_text(json.dumps(content))
    before = path.read_bytes()
    assert "99" in refused("train", tagged_study.folder, "--model", "m")
    assert path.read_bytes() == before


@pytest.mark.parametrize("what", ["channels", "classes"])
def test_a_model_made_for_others_is_refused(refused, trained_study: Study, what):
    path = trained_study.model_folder("model-1") / "config.json"
    content = json.loads(path.read_text()) | {what: ["A", "B"]}
    path.write_text(json.dumps(content))
    line = refused("segment", trained_study.folder, "--model", "model-1", "--device", "cpu")
    assert f"made for the {what} A, B, found" in line


def test_a_damaged_model_is_named(refused, trained_study: Study):
    weights = trained_study.model_folder("model-1") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    line = refused("segment", trained_study.folder, "--model", "model-1", "--device", "cpu")
    assert "weights.safetensors" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "{study}", "--model", "../m"), "model name '../m'"),
        (("train", "{study}", "--model", "m", "--scans", "nobody"), "no scan 'nobody'"),
        (
            ("train", "{study}", "--model", "m", "--preset", "local", "--trust", "seg"),
            "train with refine",
        ),
        (("train", "{study}", "--model", "m", "--refine", "--trust", "none"), "no mask of any"),
        (("train", "{study}", "--model", "m", "--pixel", "0"), "--pixel 0: expected at least 0.1"),
        (
            ("train", "{study}", "--model", "m", "--preset", "u"),
            "one of auto, local, features, mcwss, published",
        ),
        (
            ("train", "{study}", "--model", "m", "--preset", "refined"),
            "one of auto, local, features, mcwss",
        ),
        (("train", "{study}", "--model", "m", "--map", "TC=1"), "with --trust"),
        (("train", "{study}", "--model", "m", "--seed", str(2**70)), "--seed 11805"),
        (("train", "{study}", "--model", "m", "--device", "meta"), "device 'meta' cannot"),
        (("train", "{study}", "--model", "m", "--resume"), "start one without --resume"),
        (("segment", "{study}", "--model", "nothing"), "no model 'nothing'"),
        (("segment", "{study}", "--model", "model-1", "--scans", "phantom01,no"), "no scan 'no'"),
        (
            ("new", "{study}/n", "--scans", "{study}", "--channels", ",", *CLASSES),
            "names no channel",
        ),
        (("tags", "from-masks", "{study}", "--masks", "seg", "--map", "TC"), "'TC' is no"),
        (("tags", "from-masks", "{study}", "--masks", "seg", "--map", "XX=1"), "class 'XX'"),
        (
            ("tags", "from-masks", "{study}", "--masks", "seg", "--map", "TC=a"),
            "no names of classes",
        ),
        (("tags", "from-masks", "{study}", "--masks", "seg", "--map", "TC=1x"), "whole numbers"),
        (("tags", "from-masks", "{study}", "--masks", "seg", "--map", "TC=,"), "whole numbers"),
        (("segment", "{study}", "--model", "model-1", "--scans", ","), "names no scan"),
        (("tags", "from-masks", "{study}", "--masks", "no", "--map", "TC=1"), "no mask"),
        (("evaluate", "{study}", "--model", "model-1", *MASKS), "no scan to measure"),
        (("train", "{study}/nowhere", "--model", "m"), "nowhere"),
    ],
)
def test_a_mistyped_command_says_what_was_found(refused, trained_study, arguments, message):
    typed = [argument.format(study=trained_study.folder) for argument in arguments]
    assert message in refused(*typed)


def test_results_of_a_replaced_model_do_not_count(run, refused, trained_study: Study):
    name, study = trained_study.scan_names[0], trained_study.folder
    options = ("--model", "model-1", "--scans", name)
    run("segment", study, *options, "--device", "cpu")
    assert run("evaluate", study, *options, *MASKS)[0] == 0
    again = ("train", study, "--model", "model-1", "--epochs", 1, "--width", 2, "--device", "cpu")
    for option in ((), ("--restart",)):
        assert "there is a model 'model-1' already" in refused(*again, *option)
    assert run("evaluate", study, *options, *MASKS)[0] == 0
    assert run(*again, "--replace")[0] == 0
    assert "segment it first" in refused("evaluate", study, *options, *MASKS)


def test_a_model_of_scans_tagged_by_hand_is_evaluated_without_their_masks(
    run, trained_study: Study
):
    name, study = trained_study.scan_names[0], trained_study.folder
    for scan in trained_study.scan_names[1:]:
        (trained_study.files(scan)[0].parent / "seg.nii.gz").unlink()
    options = ("--model", "model-1", "--scans", name)
    run("segment", study, *options, "--device", "cpu")
    code, out, _ = run("evaluate", study, *options, *MASKS)
    assert code == 0
    assert "empty mask" in out


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pixel": 0}, "pixel: "),
        ({"precedence": []}, "precedence is not 2 x 2"),
        (
            {"preset": "magic"},
            "preset: unknown preset, expected one of local, features, mcwss, published,",
        ),
    ],
)
def test_a_model_description_that_no_training_writes_is_refused(
    refused, trained_study, changes, problem
):
    path = trained_study.model_folder("model-1") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    line = refused("segment", trained_study.folder, "--model", "model-1", "--device", "cpu")
    assert "is not a model description" in line
    assert problem in line


def test_demo_leaves_a_folder_in_use_alone(refused, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "exists and is not empty" in refused("demo", "--out", tmp_path)
    assert "exists and is not empty" in refused("demo", "--out", tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.slow
def test_demo_writes_a_report_with_pictures(run, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_mcwss.training.config.DEFAULT_EPOCHS", 1)
    monkeypatch.setattr("napari_mcwss.training.config.DEFAULT_DRAWS", 1)
    code, out, _ = run("demo", "--out", tmp_path / "demo", "--device", "cpu")
    assert code == 0
    report = tmp_path / "demo" / "report.html"
    assert str(report) in out
    page = report.read_text()
    assert page.count("data:image/png") >= 12
    assert "location prior" in page


def test_a_dry_run_tells_time_and_memory_and_leaves_nothing(run, tagged_study, monkeypatch):
    monkeypatch.setattr("napari_mcwss.training.estimate.STEPS", 1)
    before = sorted(tagged_study.folder.rglob("*"))
    options = ("--model", "m", "--preset", "local", "--width", "2", "--device", "cpu", "--dry-run")
    code, out, err = run("train", tagged_study.folder, *options)
    assert code == 0
    assert re.search(r"\d+ (s|min)\b", out)
    assert re.search(r"\d+(\.\d)? (M|G)iB", out)
    # A bar at 0 % that stays would say that something failed.
    assert "%" not in err
    assert sorted(tagged_study.folder.rglob("*")) == before


def test_commands_are_listed_in_the_order_of_the_work(run):
    _, out, _ = run("--help")
    assert re.findall(r"^│ (\w+) +\S", out, re.MULTILINE) == list(ORDER)


def test_segment_tells_its_progress_in_a_file(run, trained_study, tmp_path):
    events, scan = tmp_path / "events.jsonl", trained_study.scan_names[0]
    options = ("--model", "model-1", "--scans", scan, "--events", events)
    assert run("segment", trained_study.folder, *options)[0] == 0
    told = [from_line(line) for line in events.read_text("utf-8").splitlines()]
    assert isinstance(told[0], Began)
    assert ScanProgress(scan, 1, 1) in told
    assert isinstance(told[-2], ScanDone)
    assert isinstance(told[-1], Segmented)
    assert told[-1].text.startswith("1 scan segmented")


def test_segment_tells_in_the_file_why_it_failed(run, trained_study, tmp_path):
    events = tmp_path / "events.jsonl"
    assert run("segment", trained_study.folder, "--model", "no", "--events", events)[0] == 2
    told = [from_line(line) for line in events.read_text("utf-8").splitlines()]
    assert isinstance(told[-1], Error)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("without", ["", "TERM"], ids=["at once", "when the buffer is flushed"])
def test_output_to_a_full_disk_is_told_in_one_line(without):
    command = [sys.executable, "-m", "napari_mcwss", "export", "--help"]
    environment = {name: value for name, value in os.environ.items() if name != without}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == ["error: cannot write the output: No space left on device"]
