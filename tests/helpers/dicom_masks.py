"""DICOM segmentations, made by highdicom, and RT structure sets."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

hd = pytest.importorskip("highdicom", reason="highdicom is not installed")
pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")


def segmentation(
    series: Path,
    pixels: NDArray[np.generic],
    kind: str = "BINARY",
    names: tuple[str, ...] = ("Liver", "Spleen left"),
    **options: object,
):
    """Make a DICOM segmentation with highdicom."""
    from pydicom.sr.codedict import codes

    images = sorted(map(pydicom.dcmread, series.iterdir()), key=lambda i: i.InstanceNumber)
    for image in images:
        for name in ("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"):
            image.setdefault(name, "")
        for name in ("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
            image.setdefault(name, "")
    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type="MANUAL",
        )
        for number, name in enumerate(names, 1)
    ]
    return hd.seg.Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=hd.UID(),
        series_number=1000,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="a",
        manufacturer_model_name="b",
        software_versions="1",
        device_serial_number="0",
        **options,
    )


def structure_set(path: Path, contours: dict[str, list[NDArray[np.float64]]], kind="CLOSED_PLANAR"):
    """Write an RT structure set with contours ``(points, 3)`` in mm."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = pydicom.uid.RTStructureSetStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.9"
    data.Modality = "RTSTRUCT"
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, (name, lines) in enumerate(contours.items(), 7):
        roi = pydicom.Dataset()
        roi.ROINumber, roi.ROIName = number, name
        data.StructureSetROISequence.append(roi)
        drawn = pydicom.Dataset()
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        for points in lines:
            contour = pydicom.Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
            contour.ContourData = [f"{mm:.6g}" for mm in points.ravel()]
            drawn.ContourSequence.append(contour)
        data.ROIContourSequence.append(drawn)
    data.save_as(path, enforce_file_format=True)
