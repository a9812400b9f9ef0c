"""Scans that were moved, or whose study was, are found again."""

import shutil
from pathlib import Path

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.relinking import relink
from napari_mcwss.study.study import Study


@pytest.fixture
def moved(tagged_study: Study) -> tuple[Study, Path]:
    """A study whose scans lie elsewhere now, and that place."""
    old = tagged_study.folder.parent / "scans"
    new = tagged_study.folder.parent / "elsewhere" / "heads"
    new.parent.mkdir()
    old.rename(new)
    return Study.open(tagged_study.folder), new


def test_scans_are_found_by_the_ends_of_their_paths(run, moved):
    study, folder = moved
    assert study.missing_scans() == study.scan_names
    code, out, _ = run("relink", study.folder, "--scans", folder)
    assert code == 0
    assert "found: phantom01, phantom02, phantom03, phantom04; no scan is missing now" in out
    again = Study.open(study.folder)
    assert again.files("phantom02")[0] == folder / "phantom02" / "t1c.nii.gz"
    assert again.scan("phantom02").slices == 9


def test_scans_that_stay_missing_are_named_and_others_stay_where_they_are(run, moved):
    study, folder = moved
    shutil.rmtree(folder / "phantom03")
    assert relink(study, folder) == ("phantom01", "phantom02", "phantom04")
    before = (study.folder / "mcwss.json").read_bytes()
    with pytest.raises(McwssError, match="none of the missing scans phantom03"):
        relink(study, folder)
    assert (study.folder / "mcwss.json").read_bytes() == before


def test_a_missing_scan_says_what_to_do(moved):
    study, _ = moved
    with pytest.raises(McwssError, match=r"nor do files of 3 other scans: .* relink '") as error:
        study.scan("phantom01")
    assert "t1c.nii.gz' does not exist" in str(error.value)


def test_one_folder_is_not_taken_for_two_scans(moved):
    study, folder = moved
    with pytest.raises(McwssError, match="fits scan phantom01 and scan phantom02"):
        relink(study, folder / "phantom03")


def test_a_scan_that_does_not_fit_its_tags_is_refused(moved, phantom_folder):
    study, _ = moved
    path = study.folder / "tags" / "phantom01.csv"
    path.write_text(path.read_text() + "30,1,1\n")
    before = (study.folder / "mcwss.json").read_bytes()
    with pytest.raises(McwssError, match=r"phantom01\.csv"):
        relink(study, phantom_folder)
    assert (study.folder / "mcwss.json").read_bytes() == before


def test_a_study_whose_scans_are_there_is_left_alone(run, tagged_study: Study):
    before = (tagged_study.folder / "mcwss.json").read_bytes()
    code, out, _ = run("relink", tagged_study.folder, "--scans", tagged_study.folder)
    assert (code, "no scan was missing: nothing was changed" in out) == (0, True)
    assert (tagged_study.folder / "mcwss.json").read_bytes() == before
