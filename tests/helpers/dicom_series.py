"""Small DICOM series, as scanners write them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")


def image_of(
    affine: NDArray[np.float64], pixels: NDArray[np.int16], index: int, **more: object
) -> "pydicom.Dataset":
    """Return one slice (row, column) of a series whose grid has an `affine` as below."""
    image = pydicom.Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    uid = pydicom.uid.generate_uid()
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
    image.StudyInstanceUID, image.FrameOfReferenceUID = "1.2.3", "1.2.4"
    image.Modality, image.PatientID = "MR", "1"
    image.SeriesNumber, image.InstanceNumber = 1, index + 1
    right, down = affine[:3, 0], affine[:3, 1]
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    image.ImagePositionPatient = [f"{mm:.8g}" for mm in (affine @ [0, 0, index, 1])[:3]]
    image.ImageOrientationPatient = [f"{v:.9f}" for v in (*right / sizes[0], *down / sizes[1])]
    image.PixelSpacing = [f"{sizes[1]:.8g}", f"{sizes[0]:.8g}"]
    image.SliceThickness = f"{sizes[2]:.8g}"
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.PixelData = pixels.astype("<i2").tobytes()
    for name, value in more.items():
        setattr(image, name, value)
    return image


def write_series(
    folder: Path,
    affine: NDArray[np.float64],
    voxels: NDArray[np.int16],
    *,
    uid: str = "1.2.5",
    **more: object,
) -> Path:
    """Write a series, its last slice first.

    Parameters
    ----------
    folder : Path
        Made if missing.
    affine : (4, 4) array
        From (column, row, slice) to left, posterior, superior in mm.
    voxels : (slice, row, column) array
        Stored as they are.
    uid : str
        Of the series.
    more
        Further attributes of every image.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index, pixels in enumerate(voxels):
        image = image_of(affine, pixels, index, SeriesInstanceUID=uid, **more)
        image.save_as(folder / f"{uid}-{99 - index}", enforce_file_format=True)
    return folder


def write_enhanced(folder: Path, affine: NDArray[np.float64], voxels: NDArray[np.int16]) -> Path:
    """Write a series as one file of many frames, the last slice first; others as `write_series`."""
    images = [image_of(affine, pixels, k) for k, pixels in enumerate(voxels)][::-1]
    whole, shared = images[0], pydicom.Dataset()
    measures, turns = pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = whole.PixelSpacing, whole.SliceThickness
    turns.ImageOrientationPatient = whole.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turns]
    frames = []
    for image in images:
        place, values, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = image.ImagePositionPatient
        values.RescaleSlope, values.RescaleIntercept = 1, len(frames)
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [place], [values]
        frames.append(frame)
    whole.PixelData = b"".join(image.PixelData for image in images)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(whole, name)
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedMRImageStorage
    whole.SharedFunctionalGroupsSequence, whole.PerFrameFunctionalGroupsSequence = [shared], frames
    whole.NumberOfFrames, whole.SeriesInstanceUID = len(frames), "1.2.5"
    folder.mkdir(parents=True)
    whole.save_as(folder / "all", enforce_file_format=True)
    return folder
