"""Classes can have thresholds of their own, which are stored and read again."""

import json

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.masks.make_masks import make_masks
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.thresholds import parse_thresholds
from napari_mcwss.segmentation.results import RECORD, load_mask, load_result, stored_settings
from napari_mcwss.training.process.launcher import segment_command

SCAN, MODEL = "phantom01", "model-1"
APART = np.zeros((2, 2), bool)


def mask_by(settings: MaskSettings) -> list[int]:
    """Make the mask of five voxels, of which class a could have four, and class b three."""
    cams = np.float32([[0.2, 0.4, 0.6, 0.8, 0], [0, 0, 0.3, 0.5, 0.4]]).reshape(2, 1, 1, 5)
    scores = np.ones((1, 2), np.float32)
    made = make_masks(cams, scores, APART, settings, (1.0, 1.0, 1.0), lambda: cams, "ab")
    return made[-1].ravel().tolist()


def test_a_class_keeps_to_its_own_threshold_and_the_others_to_the_common_one():
    assert mask_by(MaskSettings(0.5, steps=())) == [0, 0, 1, 1, 0]
    assert mask_by(MaskSettings(0.5, steps=(), thresholds={"b": 0.3})) == [0, 0, 1, 1, 2]
    assert mask_by(MaskSettings(0.5, steps=(), thresholds={"a": 0.7, "b": 0.3})) == [0, 0, 2, 1, 2]
    assert mask_by(MaskSettings(0.3, steps=(), thresholds={"b": 0.5})) == [0, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["much"], "'much' is no threshold"),
        (["TC="], "'TC=' is no threshold"),
        (["bone=0.4"], "no class 'bone' for a threshold: expected TC, ED"),
        (["TC=1.5"], "threshold = 1.5: expected a number from 0 to 1"),
        (["nan"], "threshold = nan"),
        (["0.4", "0.5"], "two thresholds of all classes"),
        (["TC=0.4", "TC=0.5"], "two thresholds of TC"),
    ],
)
def test_what_is_no_threshold_is_refused(texts, message):
    with pytest.raises(McwssError, match=message):
        parse_thresholds(texts, ["TC", "ED"])


def test_the_command_gives_each_class_its_own_and_the_result_remembers_it(run, segmented_study):
    def remake(*thresholds: str):
        options = [part for value in thresholds for part in ("--threshold", value)]
        code, _, err = run(
            *("mask", segmented_study.folder, "--model", MODEL, "--steps", "none"),
            *("--scans", SCAN, "--ignore-tags", "--gate", "0", *options),
        )
        assert code == 0, err
        return load_mask(segmented_study, MODEL, SCAN)

    both, neither = remake("0.38"), remake("1")
    assert {*np.unique(both)} == {0, 1, 2}
    assert not neither.any()
    found = remake("1", "TC=0.38")
    assert {*np.unique(found)} == {0, 1}
    stored = stored_settings(segmented_study, MODEL, SCAN)
    assert (stored["threshold"], stored["thresholds"]) == (1.0, {"TC": 0.38})
    tags = segmented_study.tags.read(SCAN).values
    again = MaskSettings.of_record(stored, tags, segmented_study.class_names)
    assert again.record() == stored
    assert again.thresholds_of(segmented_study.class_names) == (0.38, 1.0)


def test_a_threshold_follows_its_class_to_another_name(run, segmented_study):
    options = ("--threshold", "ED=0.3", "--ignore-tags")
    assert run("mask", segmented_study.folder, "--model", MODEL, *options)[0] == 0
    segmented_study.change_classes(["oedema", "TC"], renamed={"ED": "oedema"})
    assert stored_settings(segmented_study, MODEL, SCAN)["thresholds"] == {"oedema": 0.3}


@pytest.mark.parametrize("damage", [{"TC": "low"}, {"TC": 7}, [0.4]])
def test_thresholds_that_are_damaged_are_not_known(segmented_study, damage):
    path = segmented_study.result_folder(MODEL, SCAN) / RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | {"thresholds": damage}))
    assert stored_settings(segmented_study, MODEL, SCAN) == {}
    assert load_result(segmented_study, MODEL, SCAN)


def test_results_without_thresholds_of_classes_stay_as_they_were():
    settings = MaskSettings(0.4, thresholds={"TC": 0.4})
    assert settings.record() == MaskSettings(0.4).record()
    assert "thresholds" not in settings.record()


def test_a_run_in_another_process_gets_them(segmented_study):
    settings = MaskSettings(0.4, thresholds={"TC": 0.3})
    command = segment_command(segmented_study, MODEL, [SCAN], settings, use_tags=True)
    given = [command[n + 1] for n, part in enumerate(command) if part == "--threshold"]
    assert parse_thresholds(given, segmented_study.class_names) == (0.4, {"TC": 0.3})
