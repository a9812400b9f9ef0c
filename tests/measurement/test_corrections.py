"""Models are compared with corrected masks that they have not learnt from."""

import json
import subprocess
import sys

import numpy as np
import pytest

from napari_mcwss.measurement.corrections import near_corrections
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import save_result

MODEL = "model-1"


@pytest.fixture
def segmented_study(trained_study):
    """A study of which two scans have a mask of TC in the same place."""
    file = trained_study.model_folder(MODEL) / "config.json"
    run = json.loads(file.read_bytes())["run"]
    for scan in trained_study.scan_names[:2]:
        geometry = trained_study.scan(scan).geometry
        mask = np.zeros(geometry.shape, np.uint8)
        mask[2:6, 10:20, 10:20] = 1
        cams = np.stack([mask == 1, mask == 2]).astype(np.float32)
        scores = cams.max(axis=(2, 3)).T.copy()
        found = Prediction(scan, trained_study.class_names, scores, cams)
        save_result(trained_study, MODEL, run, found, mask, MaskSettings(), geometry)
    return trained_study


def correct(study, scan, part, *, right=True):
    labels = np.zeros(study.scan(scan).geometry.shape, np.uint8)
    labels[part] = 1
    save_corrected(study, scan, CorrectedMask(labels, right))


HALF = np.s_[2:4, 10:20, 10:20]
SAME = np.s_[2:6, 10:20, 10:20]


def test_only_confirmed_masks_of_segmented_scans_count(segmented_study):
    first, second, third = segmented_study.scan_names[:3]
    assert near_corrections(segmented_study) == []
    correct(segmented_study, first, HALF, right=False)
    correct(segmented_study, third, SAME)
    assert near_corrections(segmented_study) == []
    correct(segmented_study, first, HALF)
    correct(segmented_study, second, SAME)
    (found,) = near_corrections(segmented_study)
    assert (found.model, found.scans, found.learnt) == (MODEL, 2, 0)
    assert found.dice == pytest.approx((2 / 3 + 1) / 2)


def test_masks_that_a_model_has_learnt_from_do_not_count(segmented_study):
    first, second = segmented_study.scan_names[:2]
    correct(segmented_study, first, HALF)
    correct(segmented_study, second, SAME)
    file = segmented_study.model_folder(MODEL) / "config.json"
    info = json.loads(file.read_bytes()) | {"trusted_scans": [second]}
    file.write_text(json.dumps(info))
    (found,) = near_corrections(segmented_study)
    assert (found.scans, found.learnt) == (1, 1)
    assert found.dice == pytest.approx(2 / 3)


def test_without_corrected_masks_nothing_heavy_is_loaded(phantom_study):
    # The docks ask for it while a study is opened.
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from napari_mcwss.measurement.corrections import near_corrections\n"
        "from napari_mcwss.study.study import Study\n"
        f"near_corrections(Study.open(Path({str(phantom_study.folder)!r})))\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
