"""Masks of models and readers side by side, and the command that measures them."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_mcwss.api.segmentation import Segmentation
from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.class_masks import class_masks
from napari_mcwss.measurement.compare_masks import Row, compare_masks
from napari_mcwss.measurement.sizes import Size
from napari_mcwss.measurement.sources import MaskSource
from napari_mcwss.measurement.tables import used_columns
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.study.study import Study


def block(study, scan: str, slices: slice) -> np.ndarray:
    labels = np.zeros(study.scan(scan).geometry.shape, np.uint8)
    labels[slices, 10:20, 10:20] = 1
    return labels


def source(study, name: str, masks) -> MaskSource:
    """Masks in memory."""
    return MaskSource(name, masks.__contains__, lambda scan: class_masks(masks[scan], ["TC", "ED"]))


@pytest.fixture
def four(tagged_study):
    return {scan: block(tagged_study, scan, slice(3, 6)) for scan in tagged_study.scan_names}


def test_rows_stand_side_by_side_with_both_baselines(tagged_study, four):
    one, two, *_ = tagged_study.scan_names
    mine = {one: block(tagged_study, one, slice(3, 5)), two: four[two]}
    theirs = {one: four[one]}
    sources = [source(tagged_study, "mine", mine), source(tagged_study, "theirs", theirs)]
    found = list(
        compare_masks(tagged_study, [one, two], sources, source(tagged_study, "truth", four))
    )
    rows = {(r.scan, r.mask): r for s in found for r in s.rows if r.class_name == "TC"}
    assert rows[one, "mine"].agreement.dice == pytest.approx(0.8)
    assert rows[one, "mine"].size.slices == 2
    assert rows[one, "theirs"].agreement.dice == 1
    assert (two, "theirs") not in rows
    assert rows[two, "empty mask"].agreement.dice == 0
    assert rows[two, "location prior"].agreement.dice == 1, "all others are alike"
    assert not any(s.problem for s in found)


def test_the_prior_is_never_made_of_the_scans_that_are_measured(tagged_study, four):
    truth = source(tagged_study, "truth", four)
    (_, *found) = compare_masks(tagged_study, list(four), [truth], truth)
    assert {row.mask for s in found for row in s.rows} == {"truth", "empty mask"}


def test_a_scan_without_reference_is_measured_and_told(tagged_study, four):
    one, two, *_ = tagged_study.scan_names
    truth = source(tagged_study, "truth", {one: four[one]})
    found = list(compare_masks(tagged_study, [two], [source(tagged_study, "mine", four)], truth))
    assert found[0].rows[0].agreement is None
    assert "truth" in found[0].problem


def test_a_damaged_mask_is_told_and_the_next_is_measured(tagged_study, four):
    one, two, *_ = tagged_study.scan_names

    def read(scan):
        if scan == one:
            raise McwssError("damaged")
        return class_masks(four[scan], ["TC", "ED"])

    found = list(
        compare_masks(tagged_study, [one, two], [MaskSource("mine", lambda _: True, read)])
    )
    assert found[0].problem == "damaged"
    assert found[1].rows[0].size.slices == 3


class TestCommand:
    def test_it_writes_what_it_shows(self, tagged_study, four, run, tmp_path):
        for scan in tagged_study.scan_names[:2]:
            save_corrected(tagged_study, scan, CorrectedMask(four[scan]))
        file = tmp_path / "sizes.csv"
        code, out, _ = run("measure", tagged_study.folder, "--corrected", "--csv", file)
        assert code == 0
        assert "phantom01" in out
        with file.open(newline="") as opened:
            lines = list(csv.DictReader(opened))
        assert [(line["scan"], line["class"]) for line in lines] == [
            (scan, name) for scan in tagged_study.scan_names[:2] for name in ("TC", "ED")
        ]
        voxel = np.prod(tagged_study.scan("phantom01").geometry.spacing) / 1000
        assert float(lines[0]["volume_ml"]) == pytest.approx(300 * voxel)
        assert lines[0]["slices"] == "3"
        assert "dice" not in lines[0]

    def test_it_compares_with_reference_masks(self, tagged_study, four, run, tmp_path):
        save_corrected(tagged_study, "phantom01", CorrectedMask(four["phantom01"]))
        options = ("--masks", "seg", "--map", "TC=1", "--map", "ED=2", "--csv", tmp_path / "c.csv")
        assert run("measure", tagged_study.folder, "--corrected", *options)[0] == 0
        with (tmp_path / "c.csv").open(newline="") as opened:
            lines = list(csv.DictReader(opened))
        assert {line["mask"] for line in lines} == {"corrected", "empty mask", "location prior"}
        assert 0 <= float(lines[0]["dice"]) <= 1

    def test_scans_without_a_mask_are_noted_unless_others_are_named(self, tagged_study, four, run):
        save_corrected(tagged_study, "phantom01", CorrectedMask(four["phantom01"]))
        command = ("measure", tagged_study.folder, "--corrected")
        assert "note: without phantom02, phantom03, phantom04, of" in run(*command)[2]
        assert "note:" not in run(*command, "--scans", "phantom01")[2]

    def test_nothing_to_measure_is_a_line(self, tagged_study, refused):
        assert "name a --model" in refused("measure", tagged_study.folder)
        assert "segment scans first" in refused("measure", tagged_study.folder, "--corrected")


class TestPictures:
    """Files of pictures do not say how large pixels are."""

    @pytest.fixture
    def study(self, tmp_path: Path) -> Study:
        scans = {}
        for name in ("a", "b"):
            file = tmp_path / f"{name}.png"
            Image.fromarray(np.full((20, 30), 9, np.uint8)).save(file)
            scans[name] = [file]
        study = Study.create(
            tmp_path / "study", scans=scans, channels=["grey"], classes=["TC", "ED"]
        )
        labels = np.zeros((1, 20, 30), np.uint8)
        labels[0, 5:9, 3:6] = 1
        save_corrected(study, "a", CorrectedMask(labels))
        return study

    def test_they_are_measured_in_pixels(self, study):
        corrected = MaskSource.of_corrected(study)
        (found,) = compare_masks(study, ["a"], [corrected], corrected)
        first = found.rows[0]
        diameter = pytest.approx(20**0.5)
        assert first.size == Size(None, None, 1, pixels=12, diameter_px=diameter)
        assert first.agreement.dice == 1
        record = first.record()
        assert [key for key in record if record[key] is None] == [
            *("volume_ml", "diameter_mm", "reference_ml", "hd95_mm", "surface_mm")
        ]
        assert used_columns(found.rows) == [
            *("scan", "mask", "class", "slices", "pixels", "diameter_px"),
            *("dice", "sensitivity", "precision"),
        ]

    def test_a_spacing_that_the_user_gives_counts(self, study):
        corrected = MaskSource.of_corrected(study)
        (found,) = compare_masks(study, ["a"], [corrected], spacing=(5.0, 2.0, 2.0))
        size = found.rows[0].size
        assert (size.volume_ml, size.pixels) == (0.24, None)
        assert size.diameter_mm == pytest.approx(2 * 20**0.5)
        assert used_columns(found.rows)[3:] == ["volume_ml", "diameter_mm", "slices"]

    def test_the_command_takes_it(self, run, refused, study):
        command = ("measure", study.folder, "--corrected")
        code, out, _ = run(*command)
        assert (code, "Pixels" in out, "mL" in out) == (0, True, False)
        code, out, _ = run(*command, "--spacing", "5,2,2")
        assert (code, "Pixels" in out, "mL" in out) == (0, False, True)
        assert "no voxel size" in refused(*command, "--spacing", "0.2")

    def test_one_study_can_hold_both(self, tagged_study, study):
        row = Row("x", "m", "TC", Size(1.0, 2.0, 3), None)
        corrected = MaskSource.of_corrected(study)
        (found,) = compare_masks(study, ["a"], [corrected])
        columns = used_columns([row, *found.rows])
        assert columns[3:] == ["volume_ml", "diameter_mm", "slices", "pixels", "diameter_px"]

    def test_python_gives_no_volume_of_them(self, study):
        labels = np.zeros((1, 20, 30), np.uint8)
        labels[0, 5:9, 3:6] = 1
        cams = np.zeros((2, 1, 20, 30), np.float32)
        prediction = Prediction("a", ("TC", "ED"), np.zeros((1, 2), np.float32), cams)
        precedence = np.zeros((2, 2), bool)
        result = Segmentation(labels, MaskSettings(), prediction, study.scan("a"), precedence)
        assert np.isnan(list(result.volumes_ml.values())).all()
        assert repr(result) == "<Segmentation of a: TC 12 pixels, ED 0 pixels>"
