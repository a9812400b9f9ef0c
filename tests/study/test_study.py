"""A study keeps what it is given, and refuses what it cannot keep."""

import json
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, PHANTOM_SIZE
from napari_mcwss.study import study as project
from napari_mcwss.study.description import PALETTE
from napari_mcwss.study.study import ClassSpec, Study
from napari_mcwss.tags.journal import Journal
from napari_mcwss.tags.table import Tag, TagTable


def create(folder, scans, channels=PHANTOM_CHANNELS, classes=("TC", "ED")):
    return Study.create(folder, scans=scans, channels=channels, classes=classes)


@pytest.fixture
def scans(phantom_folder):
    return find_scans(phantom_folder, PHANTOM_CHANNELS)


def refused(message, act):
    with pytest.raises(McwssError, match=message) as told:
        act()
    assert "\n" not in str(told.value)


class TestCreate:
    def test_comes_back_the_same(self, phantom_study):
        opened = Study.open(phantom_study.folder)
        for study in (phantom_study, opened):
            assert study.scan_names == ("phantom01", "phantom02")
            assert study.channels == PHANTOM_CHANNELS
            assert study.class_names == tuple(PHANTOM_CLASSES)
            assert study.scan("phantom02").volume().shape == (2, *PHANTOM_SIZE)
        assert opened.classes == phantom_study.classes
        assert opened.files("phantom01") == phantom_study.files("phantom01")

    def test_file_is_plain_and_relative(self, phantom_study):
        text = (phantom_study.folder / "mcwss.json").read_text("utf-8")
        content = json.loads(text)
        assert content["format"] == 1
        assert content["slice_axis"] == "z"
        assert len(text.splitlines()) > 10
        for scan in content["scans"]:
            for file in scan["files"]:
                assert file.startswith("../")
                assert "\\" not in file

    def test_study_and_scans_move_together(self, phantom_folder, tmp_path):
        shutil.copytree(phantom_folder, tmp_path / "here" / "scans")
        found = find_scans(tmp_path / "here" / "scans", PHANTOM_CHANNELS)
        create(tmp_path / "here" / "study", found)
        (tmp_path / "here").rename(tmp_path / "there")
        moved = Study.open(tmp_path / "there" / "study")
        assert moved.scan("phantom01").volume().any()

    @pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
    def test_study_made_through_a_link_opens_without_it(self, scans, tmp_path):
        (tmp_path / "deep" / "down").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "deep" / "down")
        create(tmp_path / "link" / "study", scans)
        assert Study.open(tmp_path / "deep" / "down" / "study").scan("phantom01").volume().any()

    def test_relative_paths(self, phantom_folder, tmp_path, monkeypatch):
        monkeypatch.chdir(phantom_folder)
        create(Path(os.path.relpath(tmp_path / "study")), find_scans(Path(), PHANTOM_CHANNELS))
        monkeypatch.chdir("/")
        assert Study.open(tmp_path / "study").scan("phantom01").volume().any()

    def test_classes_get_colours_of_their_own(self, scans, tmp_path):
        given = ["a", ClassSpec(name="b", colour=PALETTE[0].lower(), priority=2), "c"]
        study = create(tmp_path / "study", scans, classes=given)
        assert [spec.colour for spec in study.classes] == [
            PALETTE[1],
            PALETTE[0].lower(),
            PALETTE[2],
        ]
        assert study.classes[1].priority == 2
        many = create(tmp_path / "many", scans, classes=[f"c{n}" for n in range(9)])
        assert [spec.colour for spec in many.classes] == [*PALETTE, *PALETTE[:2]]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"classes": ["TC", "ED", "TC"]}, "class 'TC' occurs twice"),
            ({"classes": ["TC", "tc"]}, "class 'tc' differs from 'TC' only in case"),
            ({"classes": []}, "at least one"),
            ({"classes": ["a/b"]}, "class name 'a/b' is not a valid file name"),
            ({"classes": ["a,b"]}, "is not a valid file name"),
            ({"classes": ["TC=1"]}, "is not a valid file name"),
            ({"classes": [".."]}, "is not a valid file name"),
            ({"classes": ["core "]}, "is not a valid file name"),
            ({"classes": ["\u8111" * 77]}, "is not a valid file name .*up to 230 bytes"),
            ({"classes": ["slice"]}, "column"),
            ({"channels": ["t1c", "t1c"]}, "channel 't1c' occurs twice"),
            ({"channels": []}, "at least one"),
            ({"channels": ["t1c"]}, "phantom01.*expected 1"),
            ({"scans": {"../x": []}}, "scan name '../x' is not a valid file name"),
            ({"scans": {"x": [Path("missing/t1.nii"), Path("t2.nii")]}}, "does not exist"),
        ],
    )
    def test_what_cannot_be_is_refused_before_anything_is_written(
        self, scans, tmp_path, changes, message
    ):
        settings = {"scans": scans, "channels": PHANTOM_CHANNELS, "classes": ["TC"]} | changes
        if changes.get("scans") == {"../x": []}:
            settings["scans"] = {"../x": scans["phantom01"]}
        refused(message, lambda: Study.create(tmp_path / "study", **settings))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("letter", ["a", "\u8111", "\U00020000"])
    def test_the_longest_names_are_those_of_files(self, scans, tmp_path, letter):
        name = letter * min(100, 230 // len(letter.encode()))
        study = create(tmp_path / "study", {name: scans["phantom01"]}, classes=[name])
        study.tags.change(name, 0, name, Tag.PRESENT)
        study.tags.compact(name)
        study.make_folder(study.result_folder("m", name))
        with replacing(study.result_folder("m", name) / f"cam_{name}.nii.gz") as temporary:
            temporary.touch()
        assert Study.open(study.folder).tags.read(name).get(0, name) is Tag.PRESENT

    def test_channels_of_different_shapes_are_refused(self, tmp_path):
        for name, size in (("t1c", 4), ("flair", 5)):
            image = nib.Nifti1Image(np.zeros((3, 3, size), np.uint8), np.eye(4))
            image.to_filename(tmp_path / f"{name}.nii")
        files = [tmp_path / "t1c.nii", tmp_path / "flair.nii"]
        refused("a: .*4x3x3.*5x3x3", lambda: create(tmp_path / "study", {"a": files}))
        assert not (tmp_path / "study").exists()

    def test_a_study_is_never_overwritten(self, phantom_study, scans):
        before = (phantom_study.folder / "mcwss.json").read_bytes()
        refused("holds a study already", lambda: create(phantom_study.folder, scans))
        assert (phantom_study.folder / "mcwss.json").read_bytes() == before

    def test_a_folder_that_cannot_be_made_is_told(self, scans, tmp_path):
        (tmp_path / "file").touch()
        refused("cannot write", lambda: create(tmp_path / "file" / "study", scans))


class TestOpen:
    def test_no_study(self, tmp_path):
        refused(r"no study in.*mcwss\.json", lambda: Study.open(tmp_path))
        refused("no study in", lambda: Study.open(tmp_path / "missing"))

    def test_newer_format_is_refused_and_left(self, phantom_study):
        path = phantom_study.folder / "mcwss.json"
        newer = json.loads(path.read_text()) | {"format": 3, "something": "new"}
        path.write_text(json.dumps(newer))
        before = path.read_bytes()
        refused("format 3.*up to 2.*update", lambda: Study.open(phantom_study.folder))
        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "does not describe a study"),
            ('{"format": 1, "chan', "does not describe a study"),
            ("[1, 2]", "does not describe a study"),
            ("[" * 100_000, "does not describe a study .*nests too deeply"),
            ('{"format": Infinity}', "does not describe a study"),
            ('{"format": true}', "does not describe a study"),
            (f'{{"format": {"9" * 5000}}}', "does not describe a study"),
            ('{"channels": ["t1"]}', "has no 'format'"),
            ('{"format": "one"}', "does not describe a study"),
            ('{"format": 1, "channels": ["t1"], "scans": []}', "classes: Field required"),
            (
                '{"format": 1, "channels": ["t1"], "classes": [{"name": "a", "colour": "red"}]}',
                "classes.0.colour",
            ),
        ],
    )
    def test_damage_is_told_and_left(self, tmp_path, text, message):
        (tmp_path / "mcwss.json").write_text(text)
        refused(message, lambda: Study.open(tmp_path))
        assert (tmp_path / "mcwss.json").read_text() == text

    def test_names_that_lead_out_of_the_study_are_refused(self, phantom_study):
        path = phantom_study.folder / "mcwss.json"
        path.write_text(path.read_text().replace('"phantom01"', '"../../phantom01"'))
        refused("is not a valid file name", lambda: Study.open(phantom_study.folder))

    def test_no_scan_is_read(self, phantom_study, monkeypatch):
        monkeypatch.setattr(project, "read_scan", lambda *_: pytest.fail("a scan was read"))
        assert Study.open(phantom_study.folder).scan_names == ("phantom01", "phantom02")


class TestScans:
    def test_is_one_object(self, phantom_study):
        assert phantom_study.scan("phantom01") is phantom_study.scan("phantom01")

    def test_unknown_name(self, phantom_study):
        refused("no scan 'pat9'.*phantom01, phantom02", lambda: phantom_study.scan("pat9"))

    def test_missing_file(self, phantom_folder, tmp_path):
        shutil.copytree(phantom_folder, tmp_path / "scans")
        study = create(tmp_path / "study", find_scans(tmp_path / "scans", PHANTOM_CHANNELS))
        (tmp_path / "scans" / "phantom01" / "flair.nii.gz").unlink()
        opened = Study.open(study.folder)
        refused(r"flair\.nii\.gz' does not exist", lambda: opened.scan("phantom01"))
        assert opened.scan("phantom02").volume().any()

    def test_add(self, phantom_study, scans):
        phantom_study.add_scans({"third": scans["phantom01"]})
        assert Study.open(phantom_study.folder).scan_names[-1] == "third"

    def test_adding_none_of_them_if_one_does_not_fit(self, phantom_study, scans):
        before = (phantom_study.folder / "mcwss.json").read_bytes()
        new = {"third": scans["phantom01"], "fourth": scans["phantom01"][:1]}
        refused("fourth", lambda: phantom_study.add_scans(new))
        refused("only in case", lambda: phantom_study.add_scans({"Phantom01": scans["phantom01"]}))
        assert phantom_study.scan_names == ("phantom01", "phantom02")
        assert (phantom_study.folder / "mcwss.json").read_bytes() == before


class TestTags:
    def test_begin_unknown(self, phantom_study):
        table = phantom_study.tags.read("phantom01")
        assert table.values.shape == (PHANTOM_SIZE[0], 2)
        assert not table.tagged.any()

    def test_are_kept(self, phantom_study):
        phantom_study.tags.change("phantom01", 3, "ED", Tag.PRESENT)
        opened = Study.open(phantom_study.folder)
        assert opened.tags.read("phantom01").get(3, "ED") is Tag.PRESENT
        assert not opened.tags.read("phantom02").tagged.any()
        opened.tags.compact("phantom01")
        assert (opened.folder / "tags" / "phantom01.csv").read_text().splitlines()[4] == "3,,1"

    def test_table_is_a_copy(self, phantom_study):
        phantom_study.tags.read("phantom01").set(0, "TC", Tag.PRESENT)
        assert not phantom_study.tags.read("phantom01").tagged.any()

    def test_two_programs_see_each_other(self, phantom_study):
        other = Study.open(phantom_study.folder)
        phantom_study.tags.change("phantom01", 3, "ED", Tag.PRESENT)
        table = other.tags.read("phantom01")
        table.set(4, "ED", Tag.ABSENT)
        other.tags.write({"phantom01": table})
        assert phantom_study.tags.read("phantom01").count("ED")[Tag.ABSENT] == 1

    @pytest.mark.parametrize("slice_index", [-1, PHANTOM_SIZE[0]])
    def test_no_such_slice(self, phantom_study, slice_index):
        refused(
            f"slice {slice_index} does not exist.*0 to {PHANTOM_SIZE[0] - 1}",
            lambda: phantom_study.tags.change("phantom01", slice_index, "ED", Tag.PRESENT),
        )
        assert not (phantom_study.folder / "tags").exists()

    def test_no_such_class(self, phantom_study):
        refused("class 'XX'", lambda: phantom_study.tags.change("phantom01", 0, "XX", Tag.PRESENT))

    @pytest.mark.parametrize(
        "table",
        [TagTable.empty(PHANTOM_SIZE[0], ["ED", "TC"]), TagTable.empty(7, ["TC", "ED"])],
        ids=["classes", "slices"],
    )
    def test_table_of_something_else(self, phantom_study, table):
        refused("scan phantom01 has 25", lambda: phantom_study.tags.write({"phantom01": table}))
        assert not (phantom_study.folder / "tags").exists()

    def test_stay_when_a_class_is_added(self, phantom_study):
        phantom_study.tags.change("phantom01", 3, "ED", Tag.PRESENT)
        phantom_study.tags.compact("phantom01")
        phantom_study.tags.change("phantom01", 4, "TC", Tag.ABSENT)
        phantom_study.add_classes(["NE"])
        table = Study.open(phantom_study.folder).tags.read("phantom01")
        assert table.classes == ("TC", "ED", "NE")
        assert table.values[3].tolist() == [-1, 1, -1]
        assert table.values[4].tolist() == [0, -1, -1]
        refused("only in case", lambda: phantom_study.add_classes(["ne"]))


class TestLock:
    def test_while_one_keeps_it_others_only_read(self, phantom_study):
        other = Study.open(phantom_study.folder)
        phantom_study.tags.change("phantom01", 3, "ED", Tag.PRESENT)
        table = other.tags.read("phantom01")
        with phantom_study.tags.lock:
            for act in (
                lambda: other.tags.change("phantom01", 3, "ED", Tag.ABSENT),
                lambda: other.tags.write({"phantom01": table}),
                lambda: other.tags.update("phantom01", table),
            ):
                refused(f"process {os.getpid()} on .* changes them", act)
            phantom_study.tags.change("phantom01", 4, "ED", Tag.ABSENT)
            other.tags.compact("phantom01")
            assert not (other.folder / "tags" / "phantom01.csv").exists()
            assert other.tags.read("phantom01").values[3:5, 1].tolist() == [1, 0]
        other.tags.compact("phantom01")
        assert (other.folder / "tags" / "phantom01.csv").exists()

    def test_is_given_back_after_each_change(self, phantom_study):
        phantom_study.tags.change("phantom01", 3, "ED", Tag.PRESENT)
        phantom_study.tags.compact("phantom01")
        phantom_study.tags.write({"phantom01": phantom_study.tags.read("phantom01")})
        assert not phantom_study.tags.lock.path.exists()

    def test_the_journal_knows_who_tagged(self, phantom_study):
        phantom_study.tags.reader = "A. Reader"
        phantom_study.tags.change("phantom01", 3, "ED", Tag.PRESENT)
        phantom_study.tags.update("phantom01", TagTable(("TC",), np.ones((25, 1), np.int8)))
        journal = Journal(phantom_study.folder / "tags" / ".journal" / "phantom01.jsonl")
        assert [edit.reader for edit in journal.edits()] == ["A. Reader"] * 2


class TestUpdate:
    def test_takes_over_some_classes(self, phantom_study):
        phantom_study.tags.change("phantom01", 3, "TC", Tag.PRESENT)
        found = TagTable.empty(PHANTOM_SIZE[0], ["ED"])
        found.set(3, "ED", Tag.ABSENT)
        phantom_study.tags.update("phantom01", found)
        assert phantom_study.tags.read("phantom01").values[3].tolist() == [1, 0]


class TestFolders:
    def test_models_are_those_with_a_configuration(self, phantom_study):
        assert phantom_study.model_names() == []
        for age, name in enumerate(["newest", "old", ".hidden"]):
            folder = phantom_study.folder / "models" / name
            folder.mkdir(parents=True)
            (folder / "config.json").touch()
            os.utime(folder / "config.json", (1e9 - age, 1e9 - age))
        (phantom_study.folder / "models" / "unfinished").mkdir()
        assert phantom_study.model_names() == ["old", "newest"]

    def test_are_in_the_study(self, phantom_study):
        root = phantom_study.folder
        assert phantom_study.model_folder("first") == root / "models" / "first"
        assert phantom_study.result_folder("first", "a") == root / "results" / "first" / "a"
        refused("model name", lambda: phantom_study.model_folder("../first"))
        refused("model name", lambda: phantom_study.result_folder("a/b", "a"))
        refused("scan name", lambda: phantom_study.result_folder("first", ".."))
