"""Masks, tag files and studies are those of the version before the code was divided into rooms.

`tests/data/study_of_da2bbae.zip` was written by that version: a study of two small phantoms with
tags, journals, a model with random weights, its results, a corrected mask and a training that was
stopped, beside digests of masks and the text of the tag files.
"""

import hashlib
import json
import time
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.scans.phantom import PHANTOM_CLASSES
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.segmentation.corrected import read_corrected
from napari_mcwss.segmentation.masks.make_masks import make_masks
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import parse_steps
from napari_mcwss.segmentation.masks.volume_ranges import parse_ranges
from napari_mcwss.segmentation.prediction.predict import Prediction, Progress
from napari_mcwss.segmentation.results import load_mask, load_result, load_scores
from napari_mcwss.segmentation.segment import remake_mask, segment_scan
from napari_mcwss.study.study import Study
from napari_mcwss.tags import history, journal
from napari_mcwss.tags.importing import tags_from_mask
from napari_mcwss.tags.table import Tag
from napari_mcwss.training.checkpoints.unfinished import unfinished_training
from napari_mcwss.training.events import Finished
from napari_mcwss.training.loop import resume

OLD = Path(__file__).parent / "data" / "study_of_da2bbae.zip"
EXPECTED: dict[str, Any] = json.loads(zipfile.ZipFile(OLD).read("expected.json"))
CLASSES = tuple(PHANTOM_CLASSES)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    zipfile.ZipFile(OLD).extractall(tmp_path)
    return Study.open(tmp_path / "study")


@pytest.fixture(scope="module")
def maps() -> tuple[np.ndarray, ...]:
    """CAMs, scores and an image, made as for the digests."""
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[:8, :40, :36]
    blobs = [
        np.exp(-(((z - 4) / 3) ** 2 + ((y - c) / r) ** 2 + ((x - 17) / r) ** 2))
        for c, r in ((18, 6), (21, 11))
    ]
    noisy = np.stack(blobs) + 0.15 * rng.standard_normal((2, 8, 40, 36))
    cams = np.clip(noisy, 0, 1).astype(np.float32)
    scores = rng.random((8, 2)).astype(np.float32)
    return cams, scores, (cams + 0.1 * rng.standard_normal(cams.shape)).astype(np.float32)


@pytest.mark.parametrize("key", EXPECTED["masks"])
def test_masks_of_every_step_and_volume_range(maps, key: str):
    cams, scores, image = maps
    steps, *ranges = key.split()
    tags = np.full((8, 2), -1, np.int8)
    tags[3:5] = 1
    settings = MaskSettings(
        0.4, 0.3, tags=tags, steps=parse_steps(steps), volumes=parse_ranges(ranges, CLASSES)
    )
    precedence = np.array([[False, True], [False, False]])
    spacing = (3.0, 1.0, 1.2)
    *_, mask = make_masks(cams, scores, precedence, settings, spacing, lambda: image, CLASSES)
    assert hashlib.sha256(mask.tobytes()).hexdigest() == EXPECTED["masks"][key]


def test_tag_files_of_a_series_of_edits(study: Study, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(journal, "_now", lambda: "2026-01-02T03:04:05.678+00:00")
    monkeypatch.setattr(time, "time_ns", lambda: 1000)
    assert history.time is time
    files = {scan: study.files(scan) for scan in study.scan_names}
    made = Study.create(
        tmp_path / "again", scans=files, channels=study.channels, classes=study.class_names
    )
    for scan, (first, *_) in files.items():
        mask = read_mask(first.with_name("seg.nii.gz"), made.scan(scan).geometry)
        made.tags.update(scan, tags_from_mask(mask, PHANTOM_CLASSES))
    made.tags.reader = "A"
    for scan in made.scan_names:
        made.tags.change(scan, 0, "TC", Tag.PRESENT)
        made.tags.change(scan, 1, "ED", Tag.ABSENT)
        made.tags.change(scan, 0, "TC", Tag.UNKNOWN)
        made.tags.undo()
    made.tags.compact("phantom01")
    found = {
        path.relative_to(made.folder).as_posix(): path.read_text()
        for path in (made.folder / "tags").rglob("*")
        if path.is_file()
    }
    assert found == {name: text for name, text in EXPECTED.items() if name.startswith("tags/")}


def test_an_old_study_shows_its_tags_and_corrected_mask(study: Study):
    assert study.tags["phantom01"][0, "TC"] == Tag.PRESENT
    assert study.tags["phantom02"].values.tolist()[:2] == [[1, 0], [0, 0]]
    corrected = read_corrected(study, "phantom02")
    assert corrected is not None
    assert (corrected.right, corrected.model, int(corrected.labels.sum())) == (True, "m", 120)


def test_an_old_model_segments_as_it_did(study: Study):
    """On another processor, rounding may turn a voxel, or the last digit of a CAM."""
    model = load_model(study.model_folder("m"), device="cpu")
    for scan in study.scan_names:
        mask, before = load_mask(study, "m", scan), load_result(study, "m", scan)
        scores = load_scores(study, "m", scan)
        assert mask.any()
        assert before is not None
        prediction = _end_of(segment_scan(study, "m", model, scan))
        assert np.mean(load_mask(study, "m", scan) != mask) <= 0.001
        assert np.mean(np.abs(prediction.cams - before.cams) > 0.01) <= 0.001
        np.testing.assert_allclose(prediction.scores, scores, atol=0.001)


def _end_of(steps: Generator[Progress, None, Prediction]) -> Prediction:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("threshold", EXPECTED["remade"])
def test_an_old_result_gets_the_masks_that_it_got(study: Study, threshold: str):
    info = read_info(study.model_folder("m"))
    remake_mask(study, "m", info, "phantom01", MaskSettings(float(threshold)))
    mask = load_mask(study, "m", "phantom01").astype(np.uint8)
    assert mask.any()
    assert hashlib.sha256(mask.tobytes()).hexdigest() == EXPECTED["remade"][threshold]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_old_training_is_resumed(study: Study):
    found = unfinished_training(study, "u")
    assert found is not None
    assert (found.epoch, found.batch) == (1, 1)
    assert isinstance(list(resume(study, "u"))[-1], Finished)
    assert read_info(study.model_folder("u")).epochs == 1
