"""Reference masks as they are trusted and measured against."""

import json

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.evaluation import evaluate
from napari_mcwss.measurement.references import read_labels, read_references
from napari_mcwss.measurement.sources import MaskSource
from napari_mcwss.model.checkpoint import ModelInfo
from napari_mcwss.scans.phantom import PHANTOM_CLASSES
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.study.study import Study


@pytest.fixture
def segmented_study(tagged_study: Study) -> Study:
    """A study with a model that learnt from two scans, and empty masks of it for all."""
    info = ModelInfo(
        preset="local",
        classes=tagged_study.class_names,
        channels=tagged_study.channels,
        width=2,
        precedence=((False, False), (False, False)),
        scans=tagged_study.scan_names[:2],
        epochs=1,
    )
    folder = tagged_study.model_folder("m")
    tagged_study.make_folder(folder)
    (folder / "config.json").write_text(info.model_dump_json())
    for scan in tagged_study.scan_names:
        geometry = tagged_study.scan(scan).geometry
        results = tagged_study.result_folder("m", scan)
        tagged_study.make_folder(results)
        mask = np.zeros(geometry.shape, np.uint8)
        write_volume(results / "mask.nii.gz", mask, geometry, dtype=np.uint8)
        (results / "result.json").write_text(json.dumps({"run": info.run}))
    return tagged_study


def test_of_classes_that_share_values_the_smaller_one_has_its_voxels(tagged_study: Study):
    values = {"TC": (1, 2), "ED": (1,)}
    name = tagged_study.scan_names[0]
    ((_, (larger, smaller)),) = read_references(tagged_study, "seg", values, [name])
    assert 0 < smaller.sum() < larger.sum()
    labels = read_labels(tagged_study, "seg", values, [name])[name]
    np.testing.assert_array_equal(labels == 2, smaller)
    np.testing.assert_array_equal(labels == 1, larger & ~smaller)


def test_scans_that_the_model_was_trained_on_are_measured_only_by_name(segmented_study: Study):
    names = segmented_study.scan_names
    with pytest.warns(UserWarning, match=f"trained on them: {names[0]}, {names[1]}; name them"):
        found = evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES)
    assert tuple(found.scans) == names[2:]
    found = evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES, scans=names)
    assert tuple(found.scans) == names


def test_where_no_other_scan_is_left_it_is_said(segmented_study: Study):
    for scan in segmented_study.scan_names[2:]:
        (segmented_study.result_folder("m", scan) / "result.json").unlink()
    with pytest.raises(McwssError, match="was trained on all that it has segmented"):
        evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES)


def test_scans_without_a_mask_are_left_out(segmented_study: Study):
    last = segmented_study.scan_names[-1]
    segmented_study.files(last)[0].with_name("seg.nii.gz").unlink()
    with pytest.warns(UserWarning, match=f"no mask: {last}"):
        found = evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES)
    assert tuple(found.scans) == segmented_study.scan_names[2:3]


def test_a_mistyped_value_leaves_the_measurements_as_they_were(segmented_study: Study):
    name = segmented_study.scan_names[-1]
    evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES, scans=[name])
    table = segmented_study.result_folder("m", name) / "measurements.csv"
    before = table.read_bytes()
    with pytest.raises(McwssError, match=r"has a value of ED \(9\), found 0, 1, 2: name the value"):
        evaluate(segmented_study, "m", "seg", {"TC": (1,), "ED": (9,)}, scans=[name])
    assert table.read_bytes() == before


def test_a_class_that_only_other_scans_have_is_no_mistake(segmented_study: Study):
    first, *_, last = segmented_study.scan_names
    for name in segmented_study.scan_names[1:]:
        geometry = segmented_study.scan(name).geometry
        mask = np.full(geometry.shape, 3, np.uint8)
        path = segmented_study.files(name)[0].with_name("seg.nii.gz")
        write_volume(path, mask, geometry, dtype=np.uint8)
    found = evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES, scans=[last])
    assert found.scans[last]["TC"].dice == 1
    (segmented_study.files(first)[0].with_name("seg.nii.gz")).unlink()
    with pytest.raises(McwssError, match="no mask has a value of TC"):
        evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES, scans=[last])


def test_help_of_a_scan_s_own_tags_is_told(segmented_study: Study):
    name = segmented_study.scan_names[-1]
    path = segmented_study.result_folder("m", name) / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tags": True}))
    with pytest.warns(
        UserWarning, match=f"own tags helped to segment {name}; segment with --ignore-tags"
    ):
        evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES, scans=[name])


def test_a_single_value_of_a_class_needs_no_list(segmented_study: Study):
    name = segmented_study.scan_names[-1]
    found = evaluate(segmented_study, "m", "seg", {"TC": 1, "ED": 2}, scans=[name])
    assert tuple(found.scans[name]) == ("TC", "ED")


def test_a_mask_of_another_shape_is_refused(segmented_study: Study):
    name = segmented_study.scan_names[-1]
    source = MaskSource("mine", lambda _: True, lambda _: np.zeros((2, 5, 9, 7), bool))
    with pytest.raises(McwssError, match=rf"scan {name}: the mask of mine has shape \(5, 9, 7\)"):
        evaluate(segmented_study, source, "seg", PHANTOM_CLASSES, scans=[name])


def test_no_scan_is_refused(segmented_study: Study):
    with pytest.raises(McwssError, match="no scan to measure"):
        evaluate(segmented_study, "m", "seg", PHANTOM_CLASSES, scans=[])


def test_masks_of_a_reader_are_evaluated_as_those_of_a_model(segmented_study: Study):
    one, two, *_ = segmented_study.scan_names
    labels = read_labels(segmented_study, "seg", PHANTOM_CLASSES, [two])[two]
    save_corrected(segmented_study, two, CorrectedMask(labels))
    source = MaskSource.of_corrected(segmented_study)
    with pytest.raises(McwssError, match=f"scan {one} has no corrected mask"):
        evaluate(segmented_study, source, "seg", PHANTOM_CLASSES, scans=[one])
    found = evaluate(segmented_study, source, "seg", PHANTOM_CLASSES)
    assert found.mean("TC").dice == 1
    assert tuple(found.scans) == (two,)
    assert not segmented_study.result_folder("corrected", two).exists()
