"""A study's report shows what was found, and says what the model knew before."""

import re
import shutil

from napari_mcwss.export.study_report import report_study
from napari_mcwss.study.study import Study

THREE = ("--scans", "phantom01,phantom02,phantom03")
REFERENCES = ("--masks", "seg", "--map", "TC=1", "--map", "ED=2", "--union", "WT=TC,ED")


def report(run, study: Study, out, *options: str):
    return run("export", "report", study.folder, out, "--model", "model-1", *options)


def test_it_measures_against_references(run, segmented: Study, tmp_path):
    out = tmp_path / "report.html"
    assert report(run, segmented, out, *THREE, *REFERENCES)[0] == 0
    page = out.read_text(encoding="utf-8")
    assert page.count(": reference") == page.count(": mask") > 0
    for text in ("phantom03", "Measurements", "WT", "empty mask", "expect less on others"):
        assert text in page


def test_it_can_be_closed_while_it_measures_and_leaves_nothing(segmented: Study, tmp_path):
    out, names = tmp_path / "report.html", segmented.scan_names[:3]
    before = sorted(tmp_path.iterdir())
    steps = report_study(
        segmented, "model-1", names, out, masks="seg", values={"TC": (1,), "ED": (2,)}
    )
    drawn = [next(steps) for _ in names]
    assert all(outcome is not None and outcome.problem is None for outcome in drawn)
    assert next(steps) is None, "one of three scans is measured"
    steps.close()
    assert sorted(tmp_path.iterdir()) == before


def test_without_references_it_tells_volumes(run, segmented: Study, tmp_path):
    out = tmp_path / "report.html"
    assert report(run, segmented, out, "--scans", "phantom02", "--channel", "t1c")[0] == 0
    page = out.read_text(encoding="utf-8")
    assert re.search(r"TC: \d+\.\d mL on \d slices", page)
    assert "laid over t1c" in page
    assert "Measurements" not in page
    assert "phantom01" not in page


def test_it_claims_nothing_of_a_model_that_was_trained_elsewhere(run, segmented, tmp_path):
    folder, packed = segmented.model_folder("model-1"), tmp_path / "shared.zip"
    run("model", "pack", segmented.folder, packed, "--model", "model-1")
    shutil.rmtree(folder)
    run("model", "unpack", segmented.folder, packed)
    out = tmp_path / "report.html"
    assert report(run, segmented, out, "--scans", "phantom02")[0] == 0
    assert "trained elsewhere" in out.read_text(encoding="utf-8")


def test_a_scan_without_results_is_noted_and_stops_nothing(run, segmented: Study, tmp_path):
    code, _, err = report(run, segmented, tmp_path / "report.html")
    assert code == 0
    assert "note: without phantom04, not segmented by model model-1" in err
    assert "phantom03" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_is_replaced(refused, segmented: Study, tmp_path):
    out = tmp_path / "thesis.html"
    out.write_text("years of work")
    assert "exists already" in report(refused, segmented, out, *THREE)
    assert out.read_text() == "years of work"


def test_what_does_not_fit_is_refused(refused, segmented: Study, tmp_path):
    out = tmp_path / "report.html"
    assert "'t2'" in report(refused, segmented, out, "--channel", "t2")
    assert "--masks" in report(refused, segmented, out, "--map", "TC=1")
    assert "no scan could be exported" in report(
        refused, segmented, out, "--scans", "phantom01", "--masks", "seg", "--map", "TC=1"
    )
    assert not out.exists()


def test_it_says_how_model_and_masks_were_made(run, trained_study: Study, tmp_path):
    scan = trained_study.scan_names[0]
    run("segment", trained_study.folder, "--model", "model-1", "--scans", scan)
    history = trained_study.model_folder("model-1") / "history.csv"
    history.write_text("epoch,total,auc_TC\n1,2.0,0.7\n2,1.0,0.875\n")
    out = tmp_path / "report.html"
    assert report(run, trained_study, out, "--scans", scan)[0] == 0
    page = out.read_text(encoding="utf-8")
    for text in (
        "Loss by epoch",
        "AUC on validation",
        "TC: 0.875 at the end",
        "version of torch",
        "threshold 0.5",
        "width:</span> 4",
    ):
        assert text in page
