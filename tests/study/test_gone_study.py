"""Where a study is gone, nothing is written, and nothing is said to be."""

from collections.abc import Callable

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import save_result
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag, TagTable
from napari_mcwss.training.checkpoints.training_folder import TrainingFolder
from napari_mcwss.training.checkpoints.unfinished import working_folder, write_summary

SCAN = "phantom01"


def save_some_result(study: Study) -> None:
    geometry = study.scan(SCAN).geometry
    shape, classes = geometry.shape, study.class_names
    scores = np.zeros((shape[0], len(classes)), np.float32)
    found = Prediction(SCAN, classes, scores, np.zeros((len(classes), *shape), np.float32))
    save_result(study, "m", "run", found, np.zeros(shape, np.uint8), MaskSettings(), geometry)


def save_some_mask(study: Study) -> None:
    save_corrected(study, SCAN, CorrectedMask(np.zeros(study.scan(SCAN).geometry.shape, np.uint8)))


def begin_training(study: Study) -> None:
    with TrainingFolder(study, "m"):
        pass


WRITES: dict[str, Callable[[Study], object]] = {
    "change a tag": lambda study: study.tags.change(SCAN, 1, "TC", Tag.ABSENT),
    "replace tags": lambda study: study.tags.write({SCAN: TagTable.empty(25, ("TC", "ED"))}),
    "undo": lambda study: study.tags.undo(),
    "compact": lambda study: study.tags.compact(SCAN),
    "read tags": lambda study: study.tags.read(SCAN),
    "acquire the lock": lambda study: study.tags.acquire_lock(),
    "correct a mask": save_some_mask,
    "save a result": save_some_result,
    "add a class": lambda study: study.add_classes(["x"]),
    "add a scan": lambda study: study.add_scans({"again": study.files(SCAN)}),
    "begin a training": begin_training,
}


@pytest.mark.parametrize("empty", [False, True], ids=["renamed", "unmounted"])
@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES)
def test_nothing_is_written_where_the_study_was(phantom_study, act, locked, empty):
    folder = phantom_study.folder
    phantom_study.tags.change(SCAN, 0, "TC", Tag.PRESENT)
    if locked:
        phantom_study.tags.acquire_lock()
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    if empty:
        folder.mkdir()
    with pytest.raises(McwssError, match=f"the study is gone from '{folder}'"):
        act(phantom_study)
    assert folder.exists() is empty
    assert not empty or list(folder.iterdir()) == []
    if empty:
        folder.rmdir()
    elsewhere.rename(folder)
    act(phantom_study)


def test_a_training_does_not_make_the_study_anew(phantom_study):
    folder = phantom_study.folder
    with TrainingFolder(phantom_study, "m") as training:
        folder.rename(folder.with_name("elsewhere"))
        with pytest.raises(McwssError, match="gone"):
            training.write_model(None, None, [])
        with pytest.raises(McwssError, match="No such file"):
            write_summary(working_folder(phantom_study, "m"), None)
    assert not folder.exists()


def test_tags_wait_for_the_drive_and_are_there_with_it(phantom_study):
    folder = phantom_study.folder
    phantom_study.tags.acquire_lock()
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(McwssError, match="gone"):
        phantom_study.tags.change(SCAN, 1, "TC", Tag.ABSENT)
    elsewhere.rename(folder)
    phantom_study.tags.change(SCAN, 1, "TC", Tag.ABSENT)
    assert Study.open(folder).tags.read(SCAN).get(1, "TC") is Tag.ABSENT


def test_another_study_in_the_same_place_gets_no_tags(phantom_study, phantom_folder):
    folder = phantom_study.folder
    folder.rename(folder.with_name("elsewhere"))
    other = Study.create(
        folder, scans=phantom_folder, channels=phantom_study.channels, classes=["other"]
    )
    with pytest.raises(McwssError, match="was changed by another program: open it again"):
        phantom_study.tags.change(SCAN, 1, "TC", Tag.ABSENT)
    assert not other.tags.read(SCAN).tagged.any()


def test_scans_that_another_program_has_added_stay(phantom_study):
    other = Study.open(phantom_study.folder)
    files = phantom_study.files(SCAN)
    other.add_scans({"theirs": files})
    phantom_study.tags.change(SCAN, 1, "TC", Tag.ABSENT)
    phantom_study.add_scans({"ours": files})
    assert Study.open(phantom_study.folder).scan_names[-2:] == ("theirs", "ours")


def test_classes_that_another_program_has_added_stay(phantom_study):
    Study.open(phantom_study.folder).add_classes(["theirs"])
    with pytest.raises(McwssError, match="open it again"):
        phantom_study.add_classes(["ours"])
    assert Study.open(phantom_study.folder).class_names == ("TC", "ED", "theirs")
