"""The scan to correct next is the one about which the model is least sure."""

import json

import numpy as np
import pytest

from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.next_to_correct import rank_to_correct
from napari_mcwss.segmentation.results import cam_path, load_result
from napari_mcwss.tags.table import Tag


def ranked(study):
    return [doubt.scan for doubt in rank_to_correct(study, "model-1", study.scan_names)]


def blur(study, scan, share, value=0.55):
    """Give a share of the voxels that the model has found of ED a CAM near the threshold."""
    cam = load_result(study, "model-1", scan).cams[1]
    found = np.argwhere(cam > 0.5)
    cam[tuple(found[: round(share * len(found))].T)] = value
    path = cam_path(study.result_folder("model-1", scan), "ED")
    write_volume(path, cam, study.scan(scan).geometry, dtype=np.uint8, scale=1 / 255)


@pytest.fixture
def study(segmented):
    """Three scans with sure and true results and tags; the fourth is not segmented."""
    return segmented


def test_sure_scans_are_in_no_doubt(study):
    doubts = rank_to_correct(study, "model-1", study.scan_names)
    assert [doubt.scan for doubt in doubts] == list(study.scan_names[:3])
    assert {doubt.reason for doubt in doubts} == {"the model is sure about it"}


def test_doubt_lies_near_the_threshold_of_each_class(study):
    blur(study, "phantom02", 0.2, value=0.3)
    assert ranked(study)[0] != "phantom02"
    record = study.result_folder("model-1", "phantom02") / "result.json"
    values = json.loads(record.read_text()) | {"thresholds": {"ED": 0.3}}
    record.write_text(json.dumps(values))
    assert ranked(study)[0] == "phantom02"


def test_doubtful_voxels_are_ranked_by_their_share(study):
    blur(study, "phantom02", 0.2)
    blur(study, "phantom03", 0.6)
    assert ranked(study) == ["phantom03", "phantom02", "phantom01"]
    first = rank_to_correct(study, "model-1", study.scan_names)[0]
    assert "% of its finding is near the threshold" in first.reason
    cam = load_result(study, "model-1", "phantom03").cams[1]
    assert np.isclose(cam[first.slice_index], 0.55, atol=0.01).any()


def test_tags_that_contradict_the_scores_count(study):
    absent = np.flatnonzero(study.tags.read("phantom03").values[:, 0] == Tag.ABSENT)
    study.tags.change("phantom03", int(absent[0]), "TC", Tag.PRESENT)
    first = rank_to_correct(study, "model-1", study.scan_names)[0]
    assert (first.scan, first.slice_index) == ("phantom03", absent[0])
    assert first.reason == "tags contradict the scores on 1 slice"


def test_a_missed_class_counts(study, give_results):
    shape = study.scan("phantom02").geometry.shape
    give_results(study, {"phantom02": np.zeros(shape, np.uint8)})
    # A new model: it has segmented this scan alone.
    (only,) = rank_to_correct(study, "model-1", study.scan_names)
    assert only.missed == ("TC", "ED")
    assert only.reason.startswith("TC, ED was missed")


def test_corrected_and_damaged_scans_are_left_out(study):
    blur(study, "phantom03", 0.6)
    labels = np.zeros(study.scan("phantom03").geometry.shape, np.uint8)
    save_corrected(study, "phantom03", CorrectedMask(labels))
    cam_path(study.result_folder("model-1", "phantom01"), "TC").write_bytes(b"damaged")
    assert ranked(study) == ["phantom02"]
