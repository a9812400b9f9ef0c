"""Studies whose classes and scans change: tags, models and results keep their meaning."""

import json
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.segmentation.corrected import (
    CorrectedMask,
    read_corrected,
    save_corrected,
)
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.volume_ranges import parse_ranges
from napari_mcwss.segmentation.results import (
    load_mask,
    load_result,
    load_scores,
    stored_settings,
)
from napari_mcwss.segmentation.segment import remake_mask, study_precedence
from napari_mcwss.study.description import ClassSpec
from napari_mcwss.study.model_states import model_states
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


class TestResults:
    @pytest.fixture
    def before(self, segmented) -> dict[str, np.ndarray]:
        mask = load_mask(segmented, "model-1", SCAN)
        return {name: mask == label for label, name in enumerate(segmented.class_names, 1)}

    def test_reordered_and_renamed_classes_keep_mask_cams_and_scores(self, segmented, before):
        found = load_result(segmented, "model-1", SCAN)
        segmented.change_classes(["oedema", "TC"], renamed={"ED": "oedema"})
        mask, now = load_mask(segmented, "model-1", SCAN), load_result(segmented, "model-1", SCAN)
        assert np.array_equal(mask == 1, before["ED"])
        assert np.array_equal(mask == 2, before["TC"])
        assert now.classes == ("oedema", "TC")
        assert np.array_equal(now.cams, found.cams[::-1])
        assert np.array_equal(load_scores(segmented, "model-1", SCAN), found.scores[:, ::-1])
        assert read_info(segmented.model_folder("model-1")).classes == ("TC", "ED")

    def test_a_mask_made_anew_has_the_labels_of_now(self, segmented, before):
        segmented.change_classes(["oedema", "TC"], renamed={"ED": "oedema"})
        info = read_info(segmented.model_folder("model-1"))
        assert study_precedence(segmented, info).tolist() == [[False, False], [True, False]]
        remake_mask(segmented, "model-1", info, SCAN, MaskSettings(steps=()))
        segmented.change_classes(["TC", "oedema"])
        mask = load_mask(segmented, "model-1", SCAN)
        assert np.array_equal(mask == 1, before["TC"])
        assert np.array_equal(mask == 2, before["ED"])

    def test_a_model_does_not_know_a_class_that_was_added(self, segmented, before):
        segmented.change_classes(["necrosis", "TC", "ED"])
        found = load_result(segmented, "model-1", SCAN)
        assert found.unknown == ("necrosis",)
        assert not found.cams[0].any()
        assert np.isnan(found.scores[:, 0]).all()
        assert np.array_equal(load_mask(segmented, "model-1", SCAN) == 2, before["TC"])
        (state,) = model_states(segmented)
        assert state.label == "model-1 (without necrosis)"
        assert state.finished

    def test_a_removed_class_is_background_until_it_is_back(self, segmented, before):
        segmented.change_classes(["ED"])
        mask = load_mask(segmented, "model-1", SCAN)
        assert np.array_equal(mask == 1, before["ED"])
        assert mask.max() == 1
        segmented.add_classes(["TC"])
        mask = load_mask(segmented, "model-1", SCAN)
        assert np.array_equal(mask == 2, before["TC"])

    def test_volume_ranges_of_a_stored_mask_follow_the_name(self, segmented):
        info = read_info(segmented.model_folder("model-1"))
        settings = MaskSettings(volumes=parse_ranges(["ED=:60"], segmented.class_names), steps=())
        remake_mask(segmented, "model-1", info, SCAN, settings)
        segmented.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        assert list(stored_settings(segmented, "model-1", SCAN)["volumes"]) == ["oedema"]

    def test_a_corrected_mask_follows_the_order_of_classes(self, segmented):
        labels = np.zeros(segmented.scan(SCAN).geometry.shape, np.uint8)
        labels[0], labels[1] = 1, 2
        save_corrected(segmented, SCAN, CorrectedMask(labels, right=True))
        segmented.change_classes(["oedema", "TC"], renamed={"ED": "oedema"})
        found = read_corrected(segmented, SCAN)
        assert found.right
        assert (found.labels[0] == 2).all()
        assert (found.labels[1] == 1).all()
        save_corrected(segmented, SCAN, found)
        segmented.change_classes(["TC", "oedema"])
        assert np.array_equal(read_corrected(segmented, SCAN).labels, labels)

    def test_what_was_painted_for_a_removed_class_comes_back(self, segmented):
        labels = np.zeros(segmented.scan(SCAN).geometry.shape, np.uint8)
        labels[1], labels[2] = 2, 2
        save_corrected(segmented, SCAN, CorrectedMask(labels))
        segmented.change_classes(["TC"])
        found = read_corrected(segmented, SCAN)
        assert not found.labels.any()
        found.labels[2] = 1
        for _ in range(2):
            save_corrected(segmented, SCAN, found)
        segmented.change_classes(["ED", "TC"])
        now = read_corrected(segmented, SCAN).labels
        assert (now[1] == 1).all()
        assert (now[2] == 2).all()


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
        opened = Study.open(study.folder)
        found = tags_of(opened)
        assert found["TC"] == before["TC"]
        for name in {"ED", "oedema"} & found.keys():
            assert found[name] == before["ED"]
