"""Studies whose classes and scans change: tags, models and results keep their meaning."""

import json
import multiprocessing
import os
import random
import signal
import time
from contextlib import suppress

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.description import ClassSpec
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

SCAN = "phantom01"


def tags_of(study: Study, scan: str = SCAN) -> dict[str, list[int]]:
    table = study.tags.read(scan)
    return dict(zip(table.classes, table.values.T.tolist(), strict=True))


@pytest.fixture
def study(tagged_study: Study) -> Study:
    """Classes TC and ED, all slices tagged, some in the csv file and some in the journal."""
    tagged_study.tags[SCAN][0, "TC"] = Tag.PRESENT
    return tagged_study


class TestClasses:
    def test_a_renamed_class_keeps_its_tags_in_csv_file_and_journal(self, study):
        before = tags_of(study)
        study.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        expected = {"TC": before["TC"], "oedema": before["ED"]}
        assert tags_of(study) == tags_of(Study.open(study.folder)) == expected
        study.tags[SCAN][1, "oedema"] = Tag.UNKNOWN
        study.tags.compact(SCAN)
        header = (study.folder / "tags" / f"{SCAN}.csv").read_text().splitlines()[0]
        assert header == "slice,TC,oedema"
        assert tags_of(Study.open(study.folder))["oedema"][2:] == before["ED"][2:]

    def test_a_tag_from_before_the_renaming_can_be_undone(self, study):
        study.tags[SCAN][1, "ED"] = Tag.UNKNOWN
        study.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        assert study.tags.to_undo.changes[SCAN][0].class_name == "oedema"
        study.tags.undo()
        assert study.tags[SCAN][1, "oedema"] is not Tag.UNKNOWN

    def test_a_class_can_have_its_old_name_again(self, study):
        before = tags_of(study)
        study.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        study.change_classes(["TC", "ED"], renamed={"oedema": "ED"})
        assert tags_of(study) == before

    def test_the_case_of_a_name_can_change(self, study):
        before = tags_of(study)
        study.change_classes(["TC", "ed"], renamed={"ED": "ed"})
        assert tags_of(study) == {"TC": before["TC"], "ed": before["ED"]}

    def test_another_class_cannot_have_a_former_name(self, study):
        study.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        with pytest.raises(McwssError, match="'ED' was the name of class 'oedema'"):
            study.add_classes(["ED"])
        with pytest.raises(McwssError, match="'ED' was the name of class 'oedema'"):
            study.change_classes(["ED", "oedema"], renamed={"TC": "ED"})
        assert study.class_names == ("TC", "oedema")

    def test_a_class_cannot_take_the_name_of_another_one(self, study):
        # Even if that one is removed or renamed at once: files have both names.
        for classes, renamed in (
            (["ED"], {"TC": "ED"}),
            (["ED", "TC"], {"TC": "ED", "ED": "TC"}),
            (["TC", "ED"], {"TC": "ED", "ED": "TC"}),
        ):
            with pytest.raises(McwssError, match="is the name of another class"):
                study.change_classes(classes, renamed=renamed)
        with pytest.raises(McwssError, match="'TC' was the name of class 'core'"):
            study.change_classes(["core", "ED", "TC"], renamed={"TC": "core"})
        assert study.class_names == ("TC", "ED")

    def test_a_removed_class_comes_back_with_tags_and_colour(self, study):
        before, colour = tags_of(study), study.classes[1].colour
        study.change_classes(["TC"])
        assert tags_of(study) == {"TC": before["TC"]}
        # Whatever is written meanwhile keeps the tags of the removed class.
        study.tags[SCAN][2, "TC"] = Tag.UNKNOWN
        study.tags.compact(SCAN)
        study.tags.write({SCAN: study.tags.read(SCAN)})
        opened = Study.open(study.folder)
        opened.add_classes(["ED"])
        assert tags_of(opened)["ED"] == before["ED"]
        assert opened.classes[1].colour == colour

    def test_undo_passes_over_tags_of_a_removed_class(self, study):
        study.tags[SCAN][1, "TC"] = Tag.UNKNOWN
        study.tags[SCAN][2, "ED"] = Tag.UNKNOWN
        study.change_classes(["TC"])
        assert study.tags.undo().changes[SCAN][0].class_name == "TC"
        study.add_classes(["ED"])
        assert study.tags[SCAN][2, "ED"] is Tag.UNKNOWN

    def test_reordered_classes_keep_their_tags(self, study):
        before = tags_of(study)
        study.change_classes(["ED", "TC"])
        assert list(tags_of(study)) == ["ED", "TC"]
        assert tags_of(study) == before

    def test_colour_and_priority_change_alone(self, study):
        first, second = study.classes
        changed = ClassSpec(name="TC", colour="#123456", priority=3)
        study.change_classes([changed, second])
        assert Study.open(study.folder).classes == (changed, second)
        assert first != changed

    def test_the_last_class_stays(self, study):
        with pytest.raises(McwssError, match="leave at least one"):
            study.change_classes([])

    def test_classes_stay_while_another_program_tags(self, study):
        other = Study.open(study.folder)
        other.tags.acquire_lock()
        with pytest.raises(McwssError):
            study.change_classes(["TC"])
        other.tags.lock.release()
        assert Study.open(study.folder).class_names == ("TC", "ED")

    def test_an_open_study_does_not_tag_by_old_names(self, study):
        other = Study.open(study.folder)
        study.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        with pytest.raises(McwssError, match="changed by another program"):
            other.tags[SCAN][0, "ED"] = Tag.ABSENT

    @pytest.mark.parametrize("removed", [False, True])
    def test_an_open_study_does_not_drop_tags_of_a_class_it_does_not_know(self, study, removed):
        other = Study.open(study.folder)
        study.add_classes(["necrosis"])
        study.tags[SCAN][0, "necrosis"] = Tag.PRESENT
        if removed:
            study.change_classes(["TC", "ED"])
        with pytest.raises(McwssError, match="changed by another program"):
            other.tags.compact(SCAN)
        opened = Study.open(study.folder)
        opened.change_classes(["necrosis", "TC", "ED"])
        assert opened.tags[SCAN][0, "necrosis"] is Tag.PRESENT

    def test_a_file_with_a_former_name_can_be_imported(self, study, tmp_path):
        long, wide = tmp_path / "tags.csv", tmp_path / f"{SCAN}.csv"
        study.tags[SCAN][3, "ED"] = Tag.PRESENT
        study.tags.export(long)
        wide.write_text("slice,ED\n4,1\n")
        study.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        for index in (3, 4):
            study.tags[SCAN][index, "oedema"] = Tag.UNKNOWN
        for path in (long, wide):
            study.tags.import_file(path, overwrite=True)
        assert study.tags[SCAN][3, "oedema"] is Tag.PRESENT
        assert study.tags[SCAN][4, "oedema"] is Tag.PRESENT

    def test_a_study_without_changes_can_be_read_by_older_programs(self, study):
        path = study.folder / "mcwss.json"
        content = json.loads(path.read_text())
        assert content["format"] == 1
        assert "former" not in content["classes"][0]
        assert "removed_classes" not in content
        study.change_classes(["TC"])
        assert json.loads(path.read_text())["format"] == 2

    def test_tags_of_a_copy_from_before_the_renaming_can_be_imported(self, study, tmp_path):
        copy = Study.create(
            tmp_path / "other",
            scans={SCAN: study.files(SCAN)},
            channels=study.channels,
            classes=["TC", "ED"],
        )
        copy.tags[SCAN][3, "ED"] = Tag.PRESENT
        study.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        study.tags.import_file(copy.folder, overwrite=True)
        assert study.tags[SCAN][3, "oedema"] is Tag.PRESENT


class TestScans:
    def test_a_removed_scan_comes_back_with_its_tags(self, study):
        before, files = tags_of(study), study.files(SCAN)
        study.remove_scans([SCAN])
        assert SCAN not in Study.open(study.folder).scan_names
        study.add_scans({SCAN: files})
        assert tags_of(study) == before

    def test_other_files_do_not_take_over_the_tags_of_a_removed_scan(self, study):
        other = study.files("phantom02")
        study.remove_scans([SCAN])
        with pytest.raises(McwssError, match=r"was removed.*another name"):
            study.add_scans({SCAN: other})

    def test_an_unknown_scan_removes_none(self, study):
        with pytest.raises(McwssError, match="no scan 'nobody'"):
            study.remove_scans([SCAN, "nobody"])
        assert SCAN in study.scan_names

    def test_no_scan_is_named(self, study):
        with pytest.raises(McwssError, match="no scan is named"):
            study.remove_scans([])


class TestName:
    def test_a_renamed_study_finds_its_scans(self, study):
        before = tags_of(study)
        renamed = study.rename("gliomas")
        assert renamed.folder == study.folder.with_name("gliomas")
        assert tags_of(renamed) == before
        assert not renamed.missing_scans()
        assert not study.folder.exists()

    def test_a_name_that_is_taken_is_refused(self, study):
        study.folder.with_name("taken").mkdir()
        with pytest.raises(McwssError, match="exists already"):
            study.rename("taken")
        with pytest.raises(McwssError, match="not a valid file name"):
            study.rename("../elsewhere")

    def test_a_study_that_another_program_tags_keeps_its_name(self, study):
        other = Study.open(study.folder)
        other.tags.acquire_lock()
        with pytest.raises(McwssError):
            study.rename("gliomas")
        assert study.folder.exists()
        other.tags.lock.release()


def _rename_back_and_forth(folder: str, started) -> None:
    study = Study.open(folder)
    started.set()
    while True:
        study.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        study.change_classes(["ED", "TC"], renamed={"oedema": "ED"})
        study.change_classes(["TC"])
        study.change_classes(["TC", "ED"])


def _let_time_pass(study: Study) -> None:
    """Make a lock look old: others wait a while for one that is still being written."""
    with suppress(FileNotFoundError):
        os.utime(study.folder / ".tags.lock", (0, 0))


def test_no_tag_is_lost_to_kills_while_classes_change(study):
    before = tags_of(study)
    context = multiprocessing.get_context("fork")
    for _ in range(10):
        opened = Study.open(study.folder)
        if "oedema" in opened.class_names:
            opened.change_classes(["TC", "ED"], renamed={"oedema": "ED"})
        elif "ED" not in opened.class_names:
            opened.add_classes(["ED"])
        started = context.Event()
        process = context.Process(target=_rename_back_and_forth, args=(str(study.folder), started))
        process.start()
        assert started.wait(30)
        time.sleep(random.uniform(0, 0.03))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        _let_time_pass(study)
        opened = Study.open(study.folder)
        found = tags_of(opened)
        assert found["TC"] == before["TC"]
        for name in {"ED", "oedema"} & found.keys():
            assert found[name] == before["ED"]
