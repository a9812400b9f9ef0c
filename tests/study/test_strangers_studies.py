"""Studies and models from strangers read and change nothing but themselves."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.compare_masks import Row
from napari_mcwss.measurement.evaluation import evaluate
from napari_mcwss.measurement.tables import write_rows
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.scans.phantom import PHANTOM_CLASSES
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.results import load_mask, load_result, load_scores, save_mask
from napari_mcwss.study.links import AGREED
from napari_mcwss.study.model_sharing import pack_model
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag
from napari_mcwss.training.checkpoints.managing import remove_model, rename_model
from napari_mcwss.training.checkpoints.training_folder import TrainingFolder
from napari_mcwss.training.checkpoints.unfinished import give_up_training
from napari_mcwss.training.process.run_folder import RunFolder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes need POSIX")


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_names_of_a_model_command_no_terminal(run, segmented_study: Study):
    folder = segmented_study.model_folder("model-1")
    odd = ["TC\x1b]0;owned\x07", "ED\u202egnp.exe"]
    change(folder / "config.json", classes=odd, stopped="\x1b[2J", scans=["a\x9bb"])
    code, out, err = run("model", "info", segmented_study.folder, "--model", "model-1")
    assert code == 0
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & {*out, *err}
    assert "TC?]0;owned?, ED?gnp.exe" in " ".join(out.replace("│", " ").split())


def test_messages_command_no_terminal(run, tmp_path):
    code, _, err = run("tags", "status", tmp_path / "\x1b[31mred")
    assert code == 2
    assert "\x1b[31mred" not in err
    assert "?[31mred" in err


@pytest.mark.parametrize("width", [100_000, 2**40])
def test_a_network_larger_than_its_weights_is_not_made(segmented_study: Study, width):
    folder = segmented_study.model_folder("model-1")
    change(folder / "config.json", width=width)
    with pytest.raises(McwssError, match=r"weights\.safetensors|width"):
        load_model(folder, device="cpu")


SCAN = "phantom01"

READERS = {
    "mcwss.json": lambda study: Study.open(study.folder),
    f"tags/{SCAN}.csv": lambda study: study.tags.read(SCAN),
    f"tags/.journal/{SCAN}*": lambda study: study.tags.read(SCAN),
    "models/model-1/config.json": lambda study: read_info(study.model_folder("model-1")),
    "models/model-1/weights.safetensors": lambda study: load_model(
        study.model_folder("model-1"), device="cpu"
    ),
    f"results/model-1/{SCAN}/mask.nii.gz": lambda study: load_mask(study, "model-1", SCAN),
    f"results/model-1/{SCAN}/scores.csv": lambda study: load_scores(study, "model-1", SCAN),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("strange", ["pipe", "/dev/zero"])
def test_pipes_and_devices_in_place_of_files_are_refused(segmented_study: Study, name, strange):
    segmented_study.tags.change(SCAN, 0, "TC", Tag.UNKNOWN)
    path = next(iter(segmented_study.folder.glob(name)), segmented_study.folder / name)
    path.unlink(missing_ok=True)
    if strange == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(strange)
    with pytest.raises(McwssError, match=r"it is no file|a pipe or a device|leads out"):
        READERS[name](segmented_study)


@pytest.mark.parametrize(
    "name",
    [
        "tags",
        "results",
        "models/model-1",
        "models/model-1/weights.safetensors",
        "tags/phantom01.csv",
    ],
)
def test_links_out_of_a_study_are_refused_until_the_user_agrees(
    segmented_study: Study, tmp_path, monkeypatch, name
):
    path, elsewhere = segmented_study.folder / name, tmp_path / "elsewhere"
    if path.exists():
        path.rename(elsewhere)
    else:
        elsewhere.write_text("slice,TC,ED\n")
    path.symlink_to(elsewhere)
    with pytest.raises(McwssError, match=f"leads out of the study.*set {AGREED}=1"):
        Study.open(segmented_study.folder)
    monkeypatch.setenv(AGREED, "1")
    Study.open(segmented_study.folder)


@pytest.mark.parametrize("name", [".", "mask.nii.gz", "cam_TC.nii.gz", "scores.csv"])
def test_links_among_results_are_refused_until_the_user_agrees(
    segmented_study: Study, tmp_path, monkeypatch, name
):
    folder = segmented_study.result_folder("model-1", SCAN)
    path = Path(os.path.normpath(folder / name))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    study = Study.open(segmented_study.folder)
    for read in (load_mask, load_result, load_scores):
        with pytest.raises(McwssError, match=f"leads out of the study.*set {AGREED}=1"):
            read(study, "model-1", SCAN)
    monkeypatch.setenv(AGREED, "1")
    assert load_mask(study, "model-1", SCAN).size


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tag(study: Study) -> None:
    study.tags.change(SCAN, 0, "TC", Tag.UNKNOWN)


def make_mask(study: Study) -> None:
    scan = study.scan(SCAN)
    mask = load_mask(study, "model-1", SCAN).astype(np.uint8)
    save_mask(study, "model-1", SCAN, mask, MaskSettings(), scan.geometry)


def correct(study: Study) -> None:
    mask = load_mask(study, "model-1", SCAN).astype(np.uint8)
    save_corrected(study, SCAN, CorrectedMask(mask, right=True, model="model-1"))


def start_training(study: Study) -> None:
    with TrainingFolder(study, "model-1"):
        pass


WRITERS = [
    ("tags", tag),
    ("tags/.journal", tag),
    (".tags.lock.guard", tag),
    ("results", make_mask),
    ("results/model-1", make_mask),
    (f"results/model-1/{SCAN}", make_mask),
    (f"results/model-1/{SCAN}/mask.nii.gz", make_mask),
    ("corrected", correct),
    ("models", start_training),
    ("models/.model-1.training", start_training),
    ("models/.model-1.training", lambda study: give_up_training(study, "model-1")),
    ("models", lambda study: RunFolder.of(study, "model-2").make()),
    ("models/.model-1.run", lambda study: RunFolder.of(study, "model-1").tell("cancel")),
    ("models", lambda study: rename_model(study, "model-1", "model-2")),
    ("models", lambda study: remove_model(study, "model-1")),
    ("results", lambda study: remove_model(study, "model-1")),
    ("results", lambda study: evaluate(study, "model-1", "seg", PHANTOM_CLASSES)),
]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_links_that_the_user_has_agreed_to_are_read_but_not_written_to(
    segmented_study: Study, tmp_path, monkeypatch, name, write
):
    tag(segmented_study)
    path, elsewhere = segmented_study.folder / name, tmp_path / "elsewhere"
    if path.exists():
        path.rename(elsewhere)
    else:
        elsewhere.mkdir()
        (elsewhere / "resume.pt").write_text("mine")
    path.symlink_to(elsewhere)
    monkeypatch.setenv(AGREED, "1")
    before = elsewhere.read_bytes() if elsewhere.is_file() else content(elsewhere)
    study = Study.open(segmented_study.folder)
    with pytest.raises(McwssError, match=r"is a link to .* may be read but not written to"):
        write(study)
    assert before == (elsewhere.read_bytes() if elsewhere.is_file() else content(elsewhere))


def test_links_inside_a_study_are_followed(segmented_study: Study):
    results = segmented_study.folder / "results"
    results.rename(segmented_study.folder / "stored")
    results.symlink_to("stored")
    assert load_mask(Study.open(segmented_study.folder), "model-1", "phantom01").size


def test_nothing_is_written_through_a_link_out_of_its_folder(segmented_study: Study, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    tags = segmented_study.folder / "tags"
    for path in (tags / "phantom01.csv", *(tags / ".journal").iterdir()):
        path.unlink(missing_ok=True)
        path.symlink_to(secret)
    with pytest.raises(McwssError):
        segmented_study.tags.change("phantom01", 0, "TC", Tag.PRESENT)
    results = segmented_study.folder / "results"
    results.rename(tmp_path / "results")
    results.symlink_to(tmp_path / "results")
    with pytest.raises(McwssError, match=r"is a link to .*may be read but not written to"):
        segmented_study.make_folder(results / "model-2")
    assert secret.read_text() == "mine"
    assert not (tmp_path / "results" / "model-2").exists()


def test_no_cell_of_a_table_is_a_formula(tmp_path):
    rows = [Row("p1", "=HYPERLINK(1)", "+TC", None, None), Row("p1", "mask", "ED", None, None)]
    write_rows(tmp_path / "a.csv", rows)
    with (tmp_path / "a.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)


def test_a_packed_model_holds_no_names_of_scans(segmented_study: Study, tmp_path):
    folder = segmented_study.model_folder("model-1")
    change(folder / "config.json", scans=["Mueller_Anna"], trusted_scans=["Mueller_Anna"])
    pack_model(segmented_study, "model-1", tmp_path / "m.zip")
    assert b"Mueller" not in (tmp_path / "m.zip").read_bytes()


def test_scans_whose_paths_no_system_has_are_missing(run, segmented_study: Study):
    (name, *_) = segmented_study.scan_names
    scans = json.loads((segmented_study.folder / "mcwss.json").read_text())["scans"]
    scans[0]["files"] = ["x" * 5000 for _ in scans[0]["files"]]
    change(segmented_study.folder / "mcwss.json", scans=scans)
    study = Study.open(segmented_study.folder)
    assert study.missing_scans() == (name,)
    with pytest.raises(McwssError, match="does not exist"):
        study.scan(name)
