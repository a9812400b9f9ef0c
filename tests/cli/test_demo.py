"""The demo on the user's own scans: from masks to tags, to a model, to a report."""

import pytest

from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.scans.phantom import write_phantom
from napari_mcwss.study.study import Study

OPTIONS = ("--masks", "seg", "--map", "TC=1", "--map", "edema=2")


@pytest.fixture
def scans(tmp_path):
    """Five small scans with masks."""
    write_phantom(tmp_path / "scans", scans=5, size=(9, 41, 36))
    return tmp_path / "scans"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("napari_mcwss.training.config.DEFAULT_EPOCHS", 1)
    monkeypatch.setattr("napari_mcwss.training.config.DEFAULT_DRAWS", 1)


def test_it_learns_from_most_scans_and_reports_on_the_others(run, scans, tmp_path, quick):
    before = {path: path.stat().st_mtime_ns for path in scans.rglob("*")}
    out = tmp_path / "demo"
    code, told, err = run("demo", "--data", scans, *OPTIONS, "--out", out, "--device", "cpu")
    assert (code, err.count("error")) == (0, 0)
    assert str(out / "report.html") in told
    study = Study.open(out / "study")
    assert study.class_names == ("TC", "edema")
    assert read_info(study.model_folder("demo")).scans == study.scan_names[:4]
    page = (out / "report.html").read_text()
    assert study.scan_names[4] in page
    assert "data:image/png" in page
    assert {path: path.stat().st_mtime_ns for path in scans.rglob("*")} == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "--data needs --masks"),
        (("--masks", "seg"), "--map once for each class"),
        (("--masks", "nothing", "--map", "TC=1"), "nothing"),
        (("--masks", "seg", "--map", "TC=one,,"), "TC"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_left(refused, scans, tmp_path, options, problem):
    assert problem in refused("demo", "--data", scans, *options, "--out", tmp_path / "demo")
    assert not (tmp_path / "demo" / "study").exists()


def test_a_single_scan_cannot_be_learnt_from_and_left_out(refused, tmp_path):
    write_phantom(tmp_path / "scans", scans=1, size=(9, 41, 36))
    line = refused("demo", "--data", tmp_path / "scans", *OPTIONS, "--out", tmp_path / "demo")
    assert "at least 2" in line
    assert not (tmp_path / "demo" / "study").exists()


def test_masks_without_a_folder_of_scans_are_refused(refused, tmp_path):
    assert "name their folder with --data" in refused("demo", *OPTIONS, "--out", tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
