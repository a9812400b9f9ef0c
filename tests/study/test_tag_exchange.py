"""Tags of a study come in and go out whole, or not at all."""

import shutil

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.phantom import PHANTOM_CLASSES
from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import (
    apply_import,
    export_tags,
    plan_import,
    read_tags,
    tags_of_masks,
)
from napari_mcwss.tags.journal import Journal
from napari_mcwss.tags.scan_tags import ScanTags
from napari_mcwss.tags.table import Tag


@pytest.fixture
def long_file(tmp_path):
    """One new tag for each of two scans, and one that conflicts with present."""
    path = tmp_path / "reader2.csv"
    path.write_text(
        "scan,slice,class,tag\nphantom01,3,ED,present\nphantom01,4,TC,absent\n"
        "phantom02,5,TC,absent\n"
    )
    return path


@pytest.fixture
def study(phantom_study):
    phantom_study.tags.change("phantom01", 4, "TC", Tag.PRESENT)
    phantom_study.tags.change("phantom01", 9, "ED", Tag.ABSENT)
    return phantom_study


def values(study):
    return {scan: study.tags.read(scan).values.tolist() for scan in study.scan_names}


def known(study, scan):
    table = study.tags.read(scan)
    return {
        (row, table.classes[column]): int(table.values[row, column])
        for row, column in np.argwhere(table.values != -1).tolist()
    }


class TestImport:
    def test_planning_changes_nothing(self, study, long_file):
        before = values(study)
        plan = plan_import(study, [long_file])
        assert (plan.counts().new, len(plan.conflicts), plan.counts().unchanged) == (2, 1, 0)
        assert values(study) == before

    @pytest.mark.parametrize(("overwrite", "tag", "changed"), [(True, 0, 3), (False, 1, 2)])
    def test_takes_over_what_is_new(self, study, long_file, overwrite, tag, changed):
        plan = plan_import(study, [long_file])
        assert apply_import(study, plan, overwrite=overwrite) == changed
        assert known(study, "phantom01") == {(3, "ED"): 1, (4, "TC"): tag, (9, "ED"): 0}
        assert known(study, "phantom02") == {(5, "TC"): 0}
        again = plan_import(study, [long_file])
        assert (again.counts().new, len(again.conflicts)) == (0, 0 if overwrite else 1)

    def test_is_one_deed_for_each_scan(self, study, long_file):
        study.tags.reader = "B"
        apply_import(study, plan_import(study, [long_file]), overwrite=True)
        folder = study.folder / "tags" / ".journal"
        last = [Journal(folder / f"phantom0{n}.jsonl").edits()[-1] for n in (1, 2)]
        assert [(edit.reader, len(edit.changes)) for edit in last] == [("B", 2), ("B", 1)]
        assert last[0].changes[1].previous is Tag.PRESENT

    def test_of_an_old_plan_is_refused(self, study, long_file):
        plan = plan_import(study, [long_file])
        study.tags.change("phantom02", 0, "TC", Tag.PRESENT)
        before = values(study)
        with pytest.raises(McwssError, match="phantom02 were changed since"):
            apply_import(study, plan, overwrite=True)
        assert values(study) == before

    def test_beside_another_window_is_refused(self, study, long_file):
        plan = plan_import(study, [long_file])
        with (
            Study.open(study.folder).tags.lock,
            pytest.raises(McwssError, match=r"process .* changes them"),
        ):
            apply_import(study, plan, overwrite=True)

    def test_that_fails_in_between_is_taken_back(self, study, long_file, monkeypatch):
        before = values(study)
        plan = plan_import(study, [long_file])
        write = ScanTags.write

        def write_the_first(self, table, edit):
            if self._csv.stem == "phantom02":
                raise McwssError("No space left")
            return write(self, table, edit)

        monkeypatch.setattr(ScanTags, "write", write_the_first)
        with pytest.raises(McwssError, match=r"^No space left$"):
            apply_import(study, plan, overwrite=True)
        assert values(study) == before

    def test_is_one_step_to_be_undone(self, study, long_file):
        before = values(study)
        apply_import(study, plan_import(study, [long_file]), overwrite=True)
        assert values(study) != before
        study.tags.undo()
        assert values(study) == before

    def test_that_cannot_be_taken_back_says_what_is_done(self, study, long_file, monkeypatch):
        plan = plan_import(study, [long_file])
        write, left = ScanTags.write, ["phantom01"]

        def write_once(self, table, edit):
            if self._csv.stem not in left:
                raise McwssError("No space left")
            left.remove(self._csv.stem)
            return write(self, table, edit)

        def full(*_):
            raise McwssError("No space left")

        monkeypatch.setattr(ScanTags, "write", write_once)
        monkeypatch.setattr(ScanTags, "append", full)
        with pytest.raises(McwssError, match=r"done for phantom01 only: .*No space left"):
            apply_import(study, plan, overwrite=True)
        assert study.tags.read("phantom01").get(3, "ED") is Tag.PRESENT

    def test_of_what_does_not_fit_changes_nothing(self, study, long_file):
        long_file.write_text(long_file.read_text() + "phantom02,25,TC,absent\n")
        before = values(study)
        with pytest.raises(
            McwssError,
            match=r"reader2\.csv', line 5: scan phantom02 has no slice '25': expected 0 to 24",
        ):
            plan_import(study, [long_file])
        assert values(study) == before


class TestAnotherStudy:
    @pytest.fixture
    def other(self, study, tmp_path):
        """A copy of the study away from its images, in which other slices are tagged."""
        shutil.copytree(study.folder, tmp_path / "far" / "away" / "copy")
        shutil.rmtree(tmp_path / "far" / "away" / "copy" / "tags")
        copy = tmp_path / "far" / "away" / "copy"
        (copy / "tags").mkdir()
        rows = "".join(f"{n},{1 if n == 2 else ''},\n" for n in range(25))
        (copy / "tags" / "phantom02.csv").write_text("slice,TC,ED\n" + rows)
        return copy

    def test_is_read_without_its_images(self, study, other):
        plan = plan_import(study, [other])
        assert (plan.counts().new, len(plan.conflicts), plan.counts().unchanged) == (1, 0, 0)
        apply_import(study, plan, overwrite=False)
        assert known(study, "phantom02") == {(2, "TC"): 1}

    def test_its_journal_counts(self, study, other):
        folder = other / "tags" / ".journal"
        folder.mkdir()
        (folder / "phantom01.jsonl").write_text('{"changes": [[7, "ED", 1, -1]]}\n')
        assert plan_import(study, [other]).counts().new == 2

    def test_what_this_study_has_not_is_left_out_with_a_warning(self, study, other):
        file = other / "mcwss.json"
        text = file.read_text().replace('"ED"', '"XX"').replace('"phantom02"', '"phantom09"')
        file.write_text(text)
        (other / "tags" / "phantom02.csv").rename(other / "tags" / "phantom09.csv")
        with (
            pytest.warns(UserWarning, match="classes that this study does not have, left out: XX"),
            pytest.warns(
                UserWarning, match="scans that this study does not have, left out: phantom09"
            ),
        ):
            assert list(read_tags(study, [other])) == ["phantom01"]

    def test_of_other_scans_is_refused(self, study, other):
        file = other / "mcwss.json"
        file.write_text(file.read_text().replace('"phantom', '"other'))
        with pytest.raises(McwssError, match="has the scans other01, other02: expected some of"):
            read_tags(study, [other])

    def test_is_not_mixed_with_files(self, study, other, long_file):
        with pytest.raises(McwssError, match="found 2 sources with the folder"):
            read_tags(study, [long_file, other])

    def test_a_folder_without_a_study_is_told(self, study, tmp_path):
        with pytest.raises(McwssError, match="is a folder without a study"):
            read_tags(study, [tmp_path])


class TestExport:
    def test_comes_back_in_another_study(self, tagged_study, tmp_path):
        path = tmp_path / "tags.csv"
        before = values(tagged_study)
        assert export_tags(tagged_study, path) == 4 * 9 * 2
        shutil.rmtree(tagged_study.folder / "tags")
        apply_import(tagged_study, plan_import(tagged_study, [path]), overwrite=False)
        assert values(tagged_study) == before

    def test_never_replaces_the_studys_own_files(self, study):
        study.tags.compact("phantom01")
        path = study.folder / "tags" / "phantom01.csv"
        before = path.read_bytes()
        with pytest.raises(McwssError, match="keeps its own tags: name a file elsewhere"):
            export_tags(study, path)
        assert path.read_bytes() == before


def test_two_hundred_thousand_tags_are_imported(study, tmp_path):
    rows = [
        f"{scan},{index},{name},absent"
        for _ in range(2000)
        for scan in study.scan_names
        for index in range(25)
        for name in study.class_names
    ]
    path = tmp_path / "many.csv"
    path.write_text("scan,slice,class,tag\n" + "\n".join(rows) + "\n")
    assert plan_import(study, [path]).counts().new == 98


def test_masks_tell_the_tags_of_their_classes_only(phantom_study):
    folder = phantom_study.files("phantom01")[0].parent
    masks = {"phantom01": folder / "seg.nii.gz"}
    ((scan, table),) = tags_of_masks(phantom_study, masks, {"ED": PHANTOM_CLASSES["ED"]})
    assert scan == "phantom01"
    assert (table.values[:, 0] == Tag.UNKNOWN).all()
    assert set(table.values[:, 1].tolist()) == {Tag.PRESENT, Tag.ABSENT}
