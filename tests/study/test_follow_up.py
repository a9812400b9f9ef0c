"""Scans of one patient are found by names and folders, and nothing else is taken for one."""

from datetime import date
from pathlib import Path

from napari_mcwss.study.follow_up import follow_ups


def scans_of(found) -> dict[str, list[str]]:
    return {patient: [point.scan for point in points] for patient, points in found.items()}


def named(*scans: str) -> dict[str, list[Path]]:
    """Scans of which only the names tell something."""
    return {scan: [] for scan in scans}


def test_sessions_of_bids_are_of_one_subject():
    names = ["sub-01_ses-2", "sub-01_ses-10", "sub-02_ses-1"]
    assert scans_of(follow_ups(named(*names))) == {"sub-01": ["sub-01_ses-2", "sub-01_ses-10"]}


def test_names_that_differ_by_a_date_are_in_its_order():
    names = ["anna_2021-09-01", "anna_20210304", "bert_2021-03-04", "20220101_anna"]
    found = follow_ups(named(*names))
    assert scans_of(found) == {"anna": ["anna_20210304", "anna_2021-09-01", "20220101_anna"]}
    assert [point.day for point in found["anna"]] == [
        date(2021, 3, 4),
        date(2021, 9, 1),
        date(2022, 1, 1),
    ]


def test_folders_of_times_in_the_folder_of_a_patient():
    files = {
        "a1": [Path("data/anna/visit10/t1.nii.gz")],
        "a2": [Path("data/anna/visit2/t1.nii.gz")],
        "b1": [Path("data/bert/baseline/t1.nii.gz")],
    }
    assert scans_of(follow_ups(files)) == {"anna": ["a2", "a1"]}


def test_folders_of_scans_are_no_patients():
    files = {
        "pat1": [Path("data/train/pat1/t1.nii.gz")],
        "pat2": [Path("data/train/pat2/t1.nii.gz")],
        "pat3": [Path("data/test/pat3/t1.nii.gz")],
        "BraTS2021_00006": [Path("data/b/BraTS2021_00006/t1.nii.gz")],
        "BraTS2021_00007": [Path("data/b/BraTS2021_00007/t1.nii.gz")],
    }
    assert follow_ups(files) == {}


def test_two_patients_of_the_same_folder_name_are_two():
    files = {
        "a": [Path("site1/001/visit1/t1.nii")],
        "b": [Path("site1/001/visit2/t1.nii")],
        "c": [Path("site2/001/visit1/t1.nii")],
        "d": [Path("site2/001/visit2/t1.nii")],
    }
    assert sorted(map(sorted, scans_of(follow_ups(files)).values())) == [["a", "b"], ["c", "d"]]


def test_what_is_no_date_is_none():
    assert follow_ups(named("x_20211399", "x_20211398")) == {}
