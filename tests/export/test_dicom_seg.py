"""DICOM segmentations lie on the voxels of the scan's series."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.dicom_series import write_enhanced, write_series

from napari_mcwss.measurement.references import ReferenceMasks
from napari_mcwss.segmentation.results import load_mask
from napari_mcwss.study.study import Study

hd = pytest.importorskip("highdicom", reason="highdicom is not installed")
pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")

REVERSED = np.eye(4)[[2, 1, 0, 3]]
"""From (z, y, x) to (x, y, z), and back."""

OBLIQUE = np.array(
    [[0, -0.6, 0.8, 5], [1.5, 0, 0, -6], [0, -0.8, -0.6, 7], [0, 0, 0, 1]]
) @ np.diag([1, 0.5, 4, 1])


def export(run, study: Study, out: Path, *options: object):
    return run("export", "dicom-seg", study.folder, out, "--model", "model-1", *options)


def placed(found, geometry) -> np.ndarray:
    """Put a segmentation's frames, which fill a box, on the voxels of a scan."""
    volume = found.get_volume(combine_segments=True)
    array = np.zeros(geometry.shape, np.uint8)
    indices = np.argwhere(volume.array)
    left, posterior, superior, _ = (
        volume.affine @ np.column_stack([indices, np.ones(len(indices))]).T
    )
    places = [superior, posterior, left, np.ones(len(indices))]
    z, y, x, _ = np.linalg.solve(geometry.affine, places).round().astype(int)
    array[z, y, x] = volume.array[tuple(indices.T)]
    return array


@pytest.fixture
def converted(segmented: Study, tmp_path: Path) -> Path:
    """The series that phantom02 was converted from."""
    geometry = segmented.scan("phantom02").geometry
    affine = REVERSED @ geometry.affine @ REVERSED
    return write_series(tmp_path / "series", affine, np.zeros(geometry.shape, np.int16))


def test_a_segmentation_is_the_mask_voxel_for_voxel(run, segmented, converted, tmp_path):
    options = ("--scans", "phantom02", "--dicom", converted)
    assert export(run, segmented, tmp_path / "seg", *options)[0] == 0
    found = hd.seg.segread(tmp_path / "seg" / "phantom02.dcm")
    mask = load_mask(segmented, "model-1", "phantom02")
    assert np.array_equal(placed(found, segmented.scan("phantom02").geometry), mask)
    assert [found.get_segment_description(n).segment_label for n in (1, 2)] == ["TC", "ED"]


def test_a_series_elsewhere_is_refused(run, segmented, converted, tmp_path):
    for file in converted.iterdir():
        file.unlink()
    geometry = segmented.scan("phantom02").geometry
    affine = REVERSED @ geometry.affine @ REVERSED
    affine[0, 3] += 3
    write_series(converted, affine, np.zeros(geometry.shape, np.int16))
    options = ("--scans", "phantom02", "--dicom", converted)
    code, _, err = export(run, segmented, tmp_path / "seg", *options)
    assert code == 2
    assert "differ: origin" in " ".join(err.split())
    assert not (tmp_path / "seg").exists()


def test_a_scan_of_nifti_needs_its_series(run, segmented, tmp_path):
    code, _, err = export(run, segmented, tmp_path / "seg")
    assert code == 2
    assert "--dicom" in err


@pytest.fixture
def anna(tmp_path: Path, give_results) -> Study:
    """A study of an oblique DICOM scan, with a mask of the first and third of its classes."""
    return study_of(write_series, tmp_path, give_results)


def study_of(write, tmp_path: Path, give_results) -> Study:
    series = write(tmp_path / "scans" / "anna", OBLIQUE, np.ones((4, 7, 6), np.int16))
    study = Study.create(
        tmp_path / "study",
        scans={"anna": [series]},
        channels=["t1"],
        classes=["Ödem", "Kern", "壊死"],
    )
    mask = np.zeros(study.scan("anna").geometry.shape, np.uint8)
    mask[1, 2:4, 1], mask[2, 1, 1:4] = 3, 1
    give_results(study, {"anna": mask})
    return study


def test_a_scan_of_dicom_needs_nothing_else(run, anna: Study, tmp_path):
    assert export(run, anna, tmp_path / "seg")[0] == 0
    found = hd.seg.segread(tmp_path / "seg" / "anna.dcm")
    mask = load_mask(anna, "model-1", "anna")
    assert np.array_equal(placed(found, anna.scan("anna").geometry), np.where(mask == 3, 2, mask))
    labels = [segment.SegmentLabel for segment in found.SegmentSequence]
    assert labels == ["Ödem", "壊死"]
    assert (found.PatientID, found.StudyInstanceUID) == ("1", "1.2.3")
    assert {r.ReferencedSOPInstanceUID for r in found.SourceImageSequence} <= {
        pydicom.dcmread(file).SOPInstanceUID for file in anna.files("anna")[0].iterdir()
    }


def test_a_series_without_frame_of_reference_is_named_and_stops_nothing(run, anna, tmp_path):
    for file in anna.files("anna")[0].iterdir():
        image = pydicom.dcmread(file)
        del image.FrameOfReferenceUID
        image.save_as(file)
    code, _, err = export(run, anna, tmp_path / "seg")
    assert code == 2
    assert "no Frame Of Reference UID" in " ".join(err.split())
    assert "Traceback" not in err
    assert not (tmp_path / "seg").exists()


def test_what_was_exported_is_read_back_as_reference_by_the_names_of_classes(run, anna, tmp_path):
    assert export(run, anna, tmp_path / "seg")[0] == 0
    mask = load_mask(anna, "model-1", "anna")
    read = ReferenceMasks(anna, str(tmp_path / "seg"), {}).read("anna")
    assert np.array_equal(read, [mask == k for k in (1, 2, 3)])
    options = ("--model", "model-1", "--masks", tmp_path / "seg", "--scans", "anna")
    code, _, _ = run("evaluate", anna.folder, *options, "--json", tmp_path / "scores.json")
    assert code == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert {name: found["dice"] for name, found in scores["mean"].items()} == dict.fromkeys(
        anna.class_names, 1
    )
    assert run("tags", "from-masks", anna.folder, "--masks", tmp_path / "seg")[0] == 0
    tags = anna.tags.read("anna").values
    assert np.array_equal(tags == 1, np.stack([(mask == k).any((1, 2)) for k in (1, 2, 3)], 1))


def test_frames_of_an_enhanced_file_are_the_source_of_a_segmentation(run, give_results, tmp_path):
    study = study_of(write_enhanced, tmp_path, give_results)
    assert export(run, study, tmp_path / "seg")[0] == 0
    found = hd.seg.segread(tmp_path / "seg" / "anna.dcm")
    mask = load_mask(study, "model-1", "anna")
    assert np.array_equal(placed(found, study.scan("anna").geometry), np.where(mask == 3, 2, mask))
    read = ReferenceMasks(study, str(tmp_path / "seg"), {}).read("anna")
    assert np.array_equal(read, [mask == k for k in (1, 2, 3)])
