"""The commands that change classes, scans and the name of a study."""

import pytest

from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag
from napari_mcwss.training.checkpoints.unfinished import training_lock


def classes_of(study: Study) -> tuple[str, ...]:
    return Study.open(study.folder).class_names


def test_classes_are_added_renamed_recoloured_ordered_and_removed(run, tagged_study):
    folder = tagged_study.folder
    steps = [
        (("add", "necrosis"), ("TC", "ED", "necrosis")),
        (("rename", "ED=oedema", "TC=core"), ("core", "oedema", "necrosis")),
        (("order", "oedema", "necrosis", "core"), ("oedema", "necrosis", "core")),
        (("remove", "necrosis"), ("oedema", "core")),
        (("recolour", "core=#123456"), ("oedema", "core")),
    ]
    for (command, *words), expected in steps:
        code, out, _ = run("classes", command, folder, *words)
        assert (code, classes_of(tagged_study)) == (0, expected)
        assert ", ".join(expected) in out
    _, out, _ = run("classes", "list", folder)
    assert "core: #123456, priority 0, before: TC" in out
    assert "necrosis: removed; its tags are kept" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("remove", "nobody"), "no class 'nobody': expected TC, ED"),
        (("remove", "TC", "ED"), "leave at least one"),
        (("rename", "TC"), "is no name with values"),
        (("rename", "TC=ED"), "is the name of another class"),
        (("rename", "TC=a/b"), "not a valid file name"),
        (("recolour", "TC=red"), "a colour is written as #56B4E9"),
        (("order", "TC"), "expected each class of TC, ED once"),
        (("add", "TC"), "occurs twice"),
        (("add", "a,b"), "'a,b' looks like several classes: give each one alone: add my-study"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(run, tagged_study, words, expected):
    before = (tagged_study.folder / "mcwss.json").read_bytes()
    code, _, err = run("classes", words[0], tagged_study.folder, *words[1:])
    assert code == 2
    assert expected in err
    assert err.count("\n") == 1
    assert (tagged_study.folder / "mcwss.json").read_bytes() == before


def test_scans_are_removed_and_added_again_with_their_tags(run, tagged_study):
    tagged_study.tags["phantom02"][0, "TC"] = Tag.PRESENT
    scans = tagged_study.files("phantom02")[0].parent
    code, out, _ = run("scans", "remove", tagged_study.folder, "phantom01, phantom02")
    assert (code, "2 left" in out) == (0, True)
    code, out, _ = run("scans", "add", tagged_study.folder, scans.parent)
    assert (code, "2 scans added, 4 in all" in out) == (0, True)
    assert Study.open(tagged_study.folder).tags["phantom02"][0, "TC"] is Tag.PRESENT


def test_a_study_is_renamed(run, tagged_study):
    code, out, _ = run("rename", tagged_study.folder, "gliomas")
    assert (code, out.strip().endswith("gliomas")) == (0, True)
    assert Study.open(tagged_study.folder.with_name("gliomas")).scan_names


def test_nothing_changes_while_a_model_is_in_training(run, tagged_study):
    with training_lock(tagged_study, "model-1"):
        for words in (("classes", "remove"), ("scans", "remove"), ("rename",)):
            name = {"scans": "phantom01"}.get(words[0], "TC")
            code, _, err = run(*words, tagged_study.folder, name)
            assert (code, "'model-1' is in training now" in err) == (2, True)
    assert classes_of(tagged_study) == ("TC", "ED")


def test_a_scan_whose_folder_has_no_name_of_a_scan_is_added_once_and_found_again(run, tagged_study):
    scans = tagged_study.files("phantom02")[0].parent.parent
    folder = tagged_study.folder
    (scans / "phantom02").rename(scans / "O'Brien, Seán (2)")
    for expected in ("1 scan added, 5 in all", "0 scans added, 5 in all"):
        code, out, _ = run("scans", "add", folder, scans)
        assert (code, expected in out) == (0, True)
    elsewhere = scans.rename(scans.with_name("elsewhere"))
    code, out, _ = run("relink", folder, "--scans", elsewhere)
    assert (code, "OBrien Seán (2); still missing: phantom02" in out) == (0, True)
