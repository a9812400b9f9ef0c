"""The commands that take tags in, write them out and count them."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

LONG = (
    "scan,slice,class,tag\nphantom01,3,ED,present\nphantom01,4,TC,absent\nphantom02,5,TC,absent\n"
)


@pytest.fixture
def study(phantom_study: Study) -> Study:
    phantom_study.tags.change("phantom01", 4, "TC", Tag.PRESENT)
    return phantom_study


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "reader2.csv"
    path.write_text(LONG)
    return path


def tagged(study: Study) -> int:
    return sum(int((study.tags.read(scan).values != -1).sum()) for scan in study.scan_names)


def test_a_dry_run_shows_the_import_and_changes_nothing(run, study, file):
    code, out, _ = run("tags", "import", study.folder, file, "--overwrite", "--dry-run")
    assert code == 0
    assert "2 scans: 2 new tags, 1 conflicting, 0 the same" in out
    assert "phantom01, slice 4, TC: present in the study, absent in the import" in out
    assert "Nothing was changed" in out
    assert tagged(study) == 1


@pytest.mark.parametrize(
    ("option", "tag", "changed"), [("--overwrite", Tag.ABSENT, 3), ("--keep", Tag.PRESENT, 2)]
)
def test_conflicts_are_decided_by_an_option(run, study, file, option, tag, changed):
    code, out, _ = run("tags", "import", study.folder, file, option)
    assert code == 0
    assert f"{changed} tags changed" in out
    assert study.tags.read("phantom01").get(4, "TC") is tag
    assert tagged(study) == 3


def test_conflicts_without_a_decision_change_nothing(refused, study, file):
    line = refused("tags", "import", study.folder, file)
    assert "1 tag of the study (1 by a reader without a name) would be replaced" in line
    assert "the first at phantom01, slice 4, TC: present in the study, absent in the import" in line
    assert "--overwrite" in line
    assert tagged(study) == 1


def test_no_conflict_needs_no_decision(run, study, file):
    file.write_text(LONG.replace("phantom01,4,TC,absent\n", ""))
    assert run("tags", "import", study.folder, file)[0] == 0
    assert tagged(study) == 3


def test_only_some_of_many_conflicts_are_shown(run, tagged_study, tmp_path):
    path = tmp_path / "other.csv"
    run("tags", "export", tagged_study.folder, "--out", path)
    text = path.read_text().replace("present", "?").replace("absent", "present")
    path.write_text(text.replace("?", "absent"))
    code, out, _ = run("tags", "import", tagged_study.folder, path, "--dry-run")
    assert code == 0
    assert "0 new tags, 72 conflicting" in out
    assert out.count(" in the study, ") == 5
    assert "and 67 more" in out


def from_masks(study: Study, *more: object) -> tuple[object, ...]:
    return ("tags", "from-masks", study.folder, "--masks", "seg", "--map", "ED=2", *more)


def test_masks_conflict_with_tags_by_hand_until_it_is_decided(run, refused, study):
    assert run(*from_masks(study, "--map", "TC=1", "--overwrite"))[0] == 0
    before = tagged(study)
    study.tags.reader = "Anna"
    flipped = Tag(1 - study.tags.read("phantom02").get(3, "TC"))
    study.tags.change("phantom02", 3, "TC", flipped)
    line = refused(*from_masks(study, "--map", "TC=1"))
    assert "1 tag of the study (1 by Anna) would be replaced" in line
    assert "the first at phantom02, slice 3, TC" in line
    assert run(*from_masks(study, "--map", "TC=1", "--keep"))[0] == 0
    assert study.tags.read("phantom02").get(3, "TC") is flipped
    assert run(*from_masks(study, "--map", "TC=1", "--overwrite"))[0] == 0
    assert study.tags.read("phantom02").get(3, "TC") is not flipped
    assert tagged(study) == before


def test_tags_of_masks_are_one_step_to_be_undone(run, study):
    assert run(*from_masks(study))[0] == 0
    assert tagged(study) == 51
    again = Study.open(study.folder)
    assert again.tags.undo() is not None
    assert tagged(study) == 1


def test_where_one_mask_is_damaged_no_scan_is_tagged(refused, study, phantom_folder, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for number in (1, 2):
        source = phantom_folder / f"phantom0{number}" / "seg.nii.gz"
        shutil.copy(source, masks / f"phantom0{number}.nii.gz")
    last = masks / "phantom02.nii.gz"
    last.write_bytes(last.read_bytes()[:200])
    line = refused("tags", "from-masks", study.folder, "--masks", masks, "--map", "ED=2")
    assert str(last) in line
    assert tagged(study) == 1


def test_a_class_that_is_in_no_mask_is_refused_and_the_values_found_are_told(refused, study):
    line = refused(*from_masks(study, "--map", "TC=7"))
    assert "no mask has a value of TC (7), found 0, 1, 2: name the value of TC" in line
    assert tagged(study) == 1


def test_a_class_that_may_be_absent_everywhere_is_told(run, study):
    code, _, err = run(*from_masks(study, "--map", "ED=1", "--map", "TC=7", "--overwrite"))
    assert code == 0
    assert "found 0, 1, 2: TC is absent everywhere" in err


def test_a_value_that_is_in_no_mask_is_told_where_another_is_left_out(run, study):
    code, _, err = run("tags", "from-masks", study.folder, "--masks", "seg", "--map", "ED=2,4")
    assert code == 0
    assert "no mask has the value 4; found 1, which belongs to no class" in err


def test_files_and_studies_are_imported(run, study, tmp_path):
    for number in (1, 2):
        path = tmp_path / f"phantom0{number}.csv"
        path.write_text(f"slice;ED\n{number};1\n")
    code, out, _ = run("tags", "import", study.folder, *tmp_path.glob("phantom0*.csv"))
    assert (code, "2 tags changed" in out) == (0, True)
    copy = shutil.copytree(study.folder, tmp_path / "copy")
    shutil.rmtree(study.folder / "tags")
    code, out, _ = run("tags", "import", study.folder, copy)
    assert (code, "3 tags changed" in out) == (0, True)


def test_a_mistake_in_a_file_is_named_with_its_line(refused, study, file):
    file.write_text(LONG.replace("phantom02", "nobody"))
    line = refused("tags", "import", study.folder, file)
    assert f"'{file}', line 4: no scan 'nobody'" in line
    assert tagged(study) == 1


def test_an_import_beside_a_window_that_tags_is_refused(refused, study, file):
    with study.tags.lock:
        line = refused("tags", "import", study.folder, file, "--keep")
    assert "can only be read: process" in line
    assert tagged(study) == 1


def test_export_writes_all_known_tags(run, study, file, tmp_path):
    run("tags", "import", study.folder, file, "--overwrite")
    out_file = tmp_path / "new" / "out.csv"
    code, out, _ = run("tags", "export", study.folder, "--out", out_file)
    assert (code, "3 tags" in out) == (0, True)
    assert out_file.read_text() == LONG


def rows(out: str) -> list[list[str]]:
    """Give the cells of the tables in an output."""
    lines = [line for line in out.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_status_counts_tags(run, study):
    study.tags.change("phantom02", 4, "TC", Tag.ABSENT)
    code, out, _ = run("tags", "status", study.folder)
    assert code == 0
    assert rows(out) == [
        ["phantom01", "TC", "1", "0", "24"],
        ["", "ED", "0", "0", "25"],
        ["phantom02", "TC", "0", "1", "24"],
        ["", "ED", "0", "0", "25"],
        ["all scans", "TC", "1", "1", "48"],
        ["", "ED", "0", "0", "50"],
    ]


def test_status_lists_each_picture_on_one_line(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    for name in "abc":
        Image.new("L", (8, 6), 100).save(tmp_path / "pictures" / f"{name}.png")
    study = Study.create(tmp_path / "study", scans=tmp_path / "pictures", classes=["TC", "ED"])
    study.tags.change("a", 0, "TC", Tag.PRESENT)
    study.tags.change("a", 0, "ED", Tag.PRESENT)
    study.tags.change("b", 0, "ED", Tag.ABSENT)
    code, out, _ = run("tags", "status", study.folder)
    assert code == 0
    assert rows(out) == [
        ["a", "TC, ED", "", ""],
        ["b", "", "ED", "TC"],
        ["c", "", "", "TC, ED"],
        ["all scans", "TC", "1", "0", "2"],
        ["", "ED", "1", "1", "1"],
    ]


def test_status_compares_with_a_second_reader(run, study, file):
    ours = {0: 1, 1: 1, 2: 0, 3: 0, 4: 1, 5: 0, 7: 0, 8: 0}
    theirs = {0: 1, 1: 1, 2: 0, 3: 1, 4: 0, 5: 1, 6: 1, 7: 0, 8: 1}
    for index, tag in ours.items():
        study.tags.change("phantom01", index, "TC", Tag(tag))
    text = "".join(f"{index},{tag}\n" for index, tag in theirs.items())
    path = file.with_name("phantom01.csv")
    path.write_text("slice,TC\n" + text)
    code, out, _ = run("tags", "status", study.folder, "--against", path)
    assert code == 0
    # 4 of 8 agree; by chance 3/8 x 5/8 + 5/8 x 3/8.
    kappa = (0.5 - 30 / 64) / (1 - 30 / 64)
    assert rows(out)[-2:] == [["TC", "8", "4", f"{kappa:.3f}"], ["ED", "0", "0", "-"]]
    assert "phantom01, TC: slices 3-5, 8 differ" in out


def test_status_against_what_does_not_fit_is_refused(refused, study, file):
    file.write_text(LONG.replace("TC", "XX"))
    assert "line 3: the study has no class 'XX'" in refused(
        "tags", "status", study.folder, "--against", file
    )


@pytest.mark.parametrize("command", ["import", "export", "status", "from-masks"])
def test_help_has_an_example(run, command):
    code, out, _ = run("tags", command, "--help")
    assert code == 0
    assert f"napari-mcwss tags {command} my-study" in out
