"""Stored masks: by which rules they were made, and making them anew."""

import json

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.reference_threshold import best_threshold
from napari_mcwss.segmentation import results
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.results import (
    load_mask,
    save_mask,
    stored_settings,
)


@pytest.fixture
def study(segmented_study):
    return segmented_study


@pytest.fixture
def scan(study) -> str:
    return study.scan_names[0]


MAP = ("--map", "TC=1", "--map", "ED=2")


def test_masks_are_made_anew_from_stored_cams(run, study, scan):
    assert not load_mask(study, "model-1", scan).any()
    code, out, _ = run(
        "mask", study.folder, "--model", "model-1", "--threshold", 0.38, "--steps", "small=0.05"
    )
    assert (code, out) == (0, "2 masks made again\n")
    assert load_mask(study, "model-1", scan).any()
    assert stored_settings(study, "model-1", scan) == {
        "threshold": 0.38,
        "gate": 0.5,
        "tags": True,
        "steps": "small=0.05",
    }


def test_scans_that_were_not_segmented_are_noted_unless_others_are_named(run, study, scan):
    command = ("mask", study.folder, "--model", "model-1")
    assert "note: without phantom03, phantom04, not segmented" in run(*command)[2]
    assert "note:" not in run(*command, "--scans", scan)[2]


@pytest.mark.parametrize("change", ["a row less", "a column less", "not a number", "two", "text"])
def test_scores_that_do_not_fit_the_scan_are_told(study, scan, change):
    path = study.result_folder("model-1", scan) / results.SCORES
    rows = path.read_text().splitlines()
    changed = {
        "a row less": rows[:-1],
        "a column less": [row.rsplit(",", 1)[0] for row in rows],
        "not a number": [*rows[:-1], "8,nan,0.5"],
        "two": [*rows[:-1], "8,2,0.5"],
        "text": [*rows[:-1], "8,yes,0.5"],
    }
    path.write_text("\n".join(changed[change]))
    with pytest.raises(McwssError, match=rf"scores.csv .*: segment scan {scan} again"):
        results.load_result(study, "model-1", scan)


def test_steps_are_refused_before_anything_is_read(refused, study):
    line = refused("mask", study.folder / "nowhere", "--model", "model-1", "--steps", "melt")
    assert "no step 'melt'" in line
    line = refused("segment", study.folder, "--model", "model-1", "--steps", "small=0")
    assert "small takes 0.01 to 100 mL" in line


def test_the_threshold_is_chosen_on_reference_masks(run, study):
    code, out, _ = run("threshold", study.folder, "--model", "model-1", "--masks", "seg", *MAP)
    assert code == 0
    assert "best: --threshold 0.4" in out
    assert not load_mask(study, "model-1", study.scan_names[0]).any()  # nothing is written


def test_without_a_map_the_masks_of_a_threshold_need_the_names_of_the_classes(refused, study):
    line = refused("threshold", study.folder, "--model", "model-1", "--masks", "seg")
    assert "no names of classes" in line
    assert "expected the values of each class in it, such as TC=1,4" in line


def test_no_threshold_is_chosen_without_a_mask(refused, study, tmp_path):
    line = refused("threshold", study.folder, "--model", "model-1", "--masks", tmp_path, *MAP)
    assert "segment one first, or name other masks" in line


def test_of_equally_good_thresholds_that_nearest_to_the_middle_is_best():
    values = {value / 20: 0.8 for value in range(2, 19)}
    assert best_threshold({"a": values}) == 0.5
    assert best_threshold({"a": values | {0.7: 0.9}, "b": values}) == 0.7


def test_the_rules_of_a_half_written_mask_are_not_those_of_the_old_one(study, scan, monkeypatch):
    def fail(*_, **__):
        raise McwssError("the disk is full")

    monkeypatch.setattr(results, "write_volume", fail)
    mask = np.ones(study.scan(scan).geometry.shape, np.uint8)
    with pytest.raises(McwssError, match="disk is full"):
        save_mask(study, "model-1", scan, mask, MaskSettings(0.3), study.scan(scan).geometry)
    assert stored_settings(study, "model-1", scan) == {}
    assert not load_mask(study, "model-1", scan).any()


def test_masks_of_older_versions_are_known_without_their_rules(study, scan):
    record = study.result_folder("model-1", scan) / "result.json"
    run = json.loads(record.read_text())["run"]
    record.write_text(json.dumps({"run": run}))
    assert stored_settings(study, "model-1", scan) == {}
    load_mask(study, "model-1", scan)


@pytest.mark.parametrize(
    "damage",
    [{"threshold": "x"}, {"threshold": float("inf")}, {"gate": []}, {"steps": 3}, {"tags": "no"}],
)
def test_settings_that_are_damaged_are_not_known(study, scan, damage):
    record = study.result_folder("model-1", scan) / "result.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | damage))
    assert stored_settings(study, "model-1", scan) == {}
    load_mask(study, "model-1", scan)


def test_only_segmented_scans_get_another_mask(study):
    name = study.scan_names[3]
    geometry = study.scan(name).geometry
    with pytest.raises(McwssError, match="segment it first"):
        save_mask(
            study, "model-1", name, np.zeros(geometry.shape, np.uint8), MaskSettings(), geometry
        )
