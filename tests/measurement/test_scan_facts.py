"""What a worklist says of a scan is what its files say."""

import numpy as np
import pytest

from napari_mcwss.measurement.scan_facts import scan_facts, with_volumes
from napari_mcwss.measurement.sizes import volumes_of
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.results import load_mask
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

MODEL = "model-1"


def facts_of(study: Study, scan: str):
    return with_volumes(study, MODEL, scan_facts(study, MODEL, scan))


def test_a_segmented_scan_has_volumes_and_disagreements(segmented: Study):
    scan = segmented.scan_names[0]
    facts = facts_of(segmented, scan)
    assert (facts.slices, facts.tagged, facts.segmented, facts.corrected) == (9, 9, True, False)
    assert facts.disagreement == 0
    mask = load_mask(segmented, MODEL, scan).astype(np.uint8)
    spacing = segmented.scan(scan).geometry.spacing
    assert facts.volumes == pytest.approx(volumes_of(mask, 2, spacing))
    assert facts.volumes[1] > 0
    tags = segmented.tags[scan]
    tags[0, "TC"] = Tag.PRESENT if tags[0, "TC"] is Tag.ABSENT else Tag.ABSENT
    assert scan_facts(segmented, MODEL, scan).disagreement == 1


def test_a_corrected_mask_counts_before_that_of_the_model(segmented: Study):
    scan = segmented.scan_names[0]
    labels = np.zeros(segmented.scan(scan).geometry.shape, np.uint8)
    labels[4, 5:10, 5:10] = 1
    save_corrected(segmented, scan, CorrectedMask(labels, right=True))
    facts = facts_of(segmented, scan)
    assert facts.corrected
    assert facts.right
    assert facts.volumes == pytest.approx((25 * 3 * 2 * 2 / 1000, 0.0))


def test_a_scan_that_was_not_segmented_has_none(segmented: Study):
    facts = facts_of(segmented, segmented.scan_names[3])
    assert (facts.segmented, facts.disagreement, facts.volumes) == (False, None, None)
    assert not facts.problem


def test_a_damaged_file_is_told(segmented: Study):
    scan = segmented.scan_names[0]
    (segmented.result_folder(MODEL, scan) / "mask.nii.gz").write_bytes(b"half")
    facts = facts_of(segmented, scan)
    assert facts.segmented
    assert facts.volumes is None
    assert "mask.nii.gz" in facts.problem
