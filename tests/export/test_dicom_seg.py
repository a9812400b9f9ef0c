"""DICOM segmentations lie on the voxels of the scan's series."""

import numpy as np
import pytest

hd = pytest.importorskip("highdicom", reason="highdicom is not installed")
pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")


def write_series(folder, geometry, shift=0.0):
    """Write a scan's grid as an axial series, last slice first."""
    folder.mkdir()
    study, series, frame = (pydicom.uid.generate_uid() for _ in range(3))
    affine = geometry.affine
    for z in range(geometry.shape[0]):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        uid = pydicom.uid.generate_uid()
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.FrameOfReferenceUID, image.Modality = frame, "MR"
        for name in ("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID",
                     "StudyDate", "StudyTime", "ReferringPhysicianName",
                     "PositionReferenceIndicator"):  # fmt: skip
            setattr(image, name, "")
        image.PatientID, image.SeriesNumber, image.InstanceNumber = "1", 1, z + 1
        superior, posterior, left, _ = affine @ [z, 0, 0, 1]
        image.ImagePositionPatient = [float(left) + shift, float(posterior), float(superior)]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing = list(geometry.spacing[1:])
        image.SliceThickness = geometry.spacing[0]
        image.Rows, image.Columns = geometry.shape[1:]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation = 15, 0
        image.PixelData = bytes(2 * image.Rows * image.Columns)
        image.save_as(folder / f"{99 - z}.dcm", enforce_file_format=True)


def test_a_segmentation_is_the_mask_voxel_for_voxel(run, segmented, tmp_path):
    from napari_mcwss.segmentation.results import load_mask

    geometry = segmented.scan("phantom02").geometry
    write_series(tmp_path / "series", geometry)
    out = tmp_path / "seg"
    options = ("--model", "model-1", "--scans", "phantom02", "--dicom", tmp_path / "series")
    assert run("export", "dicom-seg", segmented.folder, out, *options)[0] == 0
    found = hd.seg.segread(out / "phantom02.dcm")
    volume = found.get_volume(combine_segments=True)
    mask = load_mask(segmented, "model-1", "phantom02")
    # It gives the box that frames are in: voxels go where its affine says.
    affine = volume.affine
    placed = np.zeros_like(mask)
    for index in np.argwhere(volume.array):
        left, posterior, superior, _ = affine @ [*index, 1]
        voxel = np.linalg.solve(geometry.affine, [superior, posterior, left, 1])[:3]
        placed[tuple(voxel.round().astype(int))] = volume.array[tuple(index)]
    assert np.array_equal(placed, mask)
    assert [found.get_segment_description(n).segment_label for n in (1, 2)] == ["TC", "ED"]


def test_a_series_elsewhere_is_refused(run, segmented, tmp_path):
    write_series(tmp_path / "series", segmented.scan("phantom02").geometry, shift=3.0)
    options = ("--model", "model-1", "--scans", "phantom02", "--dicom", tmp_path / "series")
    code, _, err = run("export", "dicom-seg", segmented.folder, tmp_path / "seg", *options)
    assert code == 2
    assert "differ: origin" in " ".join(err.split())
    assert not (tmp_path / "seg").exists()
