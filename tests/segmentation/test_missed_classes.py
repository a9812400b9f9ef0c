"""A class that is tagged present and has an empty mask is told as missed, wherever it is seen."""

import numpy as np
import pytest

import napari_mcwss as mcwss
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.missed_classes import missed_classes, missed_in_results
from napari_mcwss.tags.table import Tag, TagTable

TC_ONLY, BOTH, NOTHING = (True, False), (True, True), (False, False)


def tag(study, scan, **slices):
    """Tag so many slices of each class present, and the others absent."""
    table = study.tags.read(scan)
    table.values[:] = Tag.ABSENT
    for name, count in slices.items():
        table.values[:count, study.class_names.index(name)] = Tag.PRESENT
    study.tags.write({scan: table})


@pytest.fixture
def study(phantom_study):
    """Classes TC and ED; ED is tagged present on three slices of the first scan."""
    first, second = phantom_study.scan_names
    tag(phantom_study, first, TC=2, ED=3)
    tag(phantom_study, second, TC=1)
    return phantom_study


def found(study, *masks):
    return dict(zip(study.scan_names, masks, strict=False))


def test_a_class_is_missed_in_the_scans_where_it_is_tagged_present(study):
    (missed,) = missed_classes(study, found(study, TC_ONLY, BOTH))
    assert (missed.name, missed.scans, missed.slices) == ("ED", ("phantom01",), 3)
    assert missed.text.startswith("ED: not found in phantom01, though tagged present on 3 slices:")


def test_an_empty_mask_is_right_where_the_class_is_absent(study):
    assert not missed_classes(study, found(study, BOTH, TC_ONLY))
    assert not missed_classes(study, {study.scan_names[1]: TC_ONLY})


def test_nothing_in_any_scan_is_told_with_and_without_tags(study):
    first, second = missed_classes(study, found(study, NOTHING, NOTHING))
    assert "TC: not found in any of 2 scans, though tagged present on 3 slices" in first.text
    assert second.scans == ("phantom01",)
    tag(study, study.scan_names[0], TC=1)
    (missed,) = missed_classes(study, found(study, TC_ONLY, TC_ONLY))
    assert "ED: not found in any of 2 scans; unless none holds it" in missed.text


def test_a_single_untagged_scan_may_hold_nothing(study):
    study.tags.write({"phantom02": TagTable.empty(study.slices("phantom02"), study.class_names)})
    assert not missed_classes(study, {"phantom02": NOTHING})


def test_damaged_tags_count_as_none(study):
    (study.folder / "tags" / "phantom01.csv").write_text("slice,TC,ED\n0,x,y\n")
    assert not missed_classes(study, {"phantom01": NOTHING})


class TestOfStoredMasks:
    def test_in_results(self, segmented_study):
        missed = missed_in_results(segmented_study, "model-1", segmented_study.scan_names)
        assert [(m.name, m.searched) for m in missed] == [("TC", 2), ("ED", 2)]

    def test_on_the_command_line(self, run, segmented_study):
        folder = segmented_study.folder
        options = ("--model", "model-1")
        code, _, err = run("measure", folder, *options)
        assert code == 0
        assert "warning: model model-1: TC: not found in any of 2 scans, though tagged" in err
        assert "lower the threshold" in err
        values = ("--masks", "seg", "--map", "TC=1", "--map", "ED=2")
        assert "warning: ED: not found" in run("evaluate", folder, *options, *values)[2]
        assert "not found" in run("mask", folder, *options, "--threshold", "0.99")[2]
        assert "not found" not in run("mask", folder, *options, "--threshold", "0.4")[2]
        assert "not found" not in run("measure", folder, *options)[2]

    def test_while_segmenting(self, run, trained_study):
        options = ("--model", "model-1", "--scans", "phantom01", "--device", "cpu")
        code, out, err = run("segment", trained_study.folder, *options, "--threshold", "1")
        assert code == 0
        assert "1 scan segmented" in out
        assert "warning: TC: not found in phantom01, though tagged present on" in err

    def test_in_python(self, segmented_study):
        result = mcwss.Study.open(segmented_study.folder).result("phantom01", "model-1")
        assert result.missed_classes == ("TC", "ED")
        assert result.remask(threshold=0.4).missed_classes == ()

    def test_in_the_report_but_not_of_masks_that_were_corrected(
        self, run, segmented_study, tmp_path
    ):
        command = ("export", "report", segmented_study.folder)
        options = ("--model", "model-1", "--scans", "phantom01,phantom02")
        run(*command, tmp_path / "a.html", *options)
        assert "TC: not found in any of 2 scans" in (tmp_path / "a.html").read_text("utf-8")
        shape = segmented_study.scan("phantom01").geometry.shape
        save_corrected(segmented_study, "phantom01", CorrectedMask(np.zeros(shape, np.uint8)))
        run(*command, tmp_path / "b.html", *options)
        page = (tmp_path / "b.html").read_text("utf-8")
        assert "TC: not found in phantom02, though" in page

    def test_corrected_masks_may_be_empty(self, run, segmented_study):
        shape = segmented_study.scan("phantom01").geometry.shape
        save_corrected(segmented_study, "phantom01", CorrectedMask(np.zeros(shape, np.uint8)))
        code, _, err = run("measure", segmented_study.folder, "--corrected")
        assert code == 0
        assert "not found" not in err
