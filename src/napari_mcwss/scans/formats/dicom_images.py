"""The images of a DICOM folder: one a file, or one a frame of enhanced files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import readable, refuse_more_than_held
from napari_mcwss.scans.formats.dicom_pixels import check_compression, is_compressed, read_data
from napari_mcwss.scans.formats.dicom_values import file_of, number, numbers, text, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom import Dataset

_PREAMBLE, _MAGIC = 128, b"DICM"
"""A DICOM file begins with so many arbitrary bytes, and then this."""

_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
"""Without these, as archives send images, it begins with an element of one of these groups."""

SUFFIXES = (".dcm", ".ima")
"""Ends of names that DICOM files may have; most have none."""

DIRECTORY = "DICOMDIR"
"""Name of the file that lists images in the folders below it."""

_NO_IMAGES = {"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "SR", "PR", "KO", "REG"}
"""Modalities of what is stored beside images and refers to them."""

_PLACE = ("PlanePositionSequence", "ImagePositionPatient")
_DIRECTIONS = ("PlaneOrientationSequence", "ImageOrientationPatient")
_SIZES = ("PixelMeasuresSequence", "PixelSpacing")
_THICKNESS = ("PixelMeasuresSequence", "SliceThickness")
_SLOPE = ("PixelValueTransformationSequence", "RescaleSlope")
_INTERCEPT = ("PixelValueTransformationSequence", "RescaleIntercept")


@dataclass(frozen=True, eq=False)
class Image:
    """One slice: a file, or a frame of one, counted from 0.

    `place` (3) and `directions` (6) are None of a projection such as an X-ray; `sizes` are those
    of rows and columns in mm.
    """

    data: Dataset
    frame: int
    place: NDArray[np.float64] | None
    directions: NDArray[np.float64] | None
    sizes: NDArray[np.float64] | None
    thickness: float
    slope: float
    intercept: float

    @property
    def file(self) -> str:
        """Path of its file."""
        return file_of(self.data)

    @property
    def normal(self) -> NDArray[np.float64]:
        """The direction across the slice; that of an axial one if the image does not say it."""
        directions = np.eye(3).ravel()[:6] if self.directions is None else self.directions
        return np.cross(directions[:3], directions[3:])


def is_dicom(file: Path) -> bool:
    """Tell whether a file is DICOM, with a preamble or without, or has the name of one."""
    try:
        with file.open("rb") as opened:
            start = opened.read(_PREAMBLE + len(_MAGIC))
    except OSError:
        return False
    # After its group and number, the first element has the letters of its type or a length.
    typed = start[4:6].isalpha() and start[4:6].isupper()
    bare = start[:2] in _FIRST_GROUPS and start[3:4] == b"\0" and (typed or start[6:8] == b"\0\0")
    return start[_PREAMBLE:] == _MAGIC or bare or file.suffix.lower() in SUFFIXES


def need_pydicom(path: Path) -> None:
    """Refuse DICOM where pydicom is not installed."""
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise McwssError(
            f"'{path}' is DICOM, which needs pydicom: install it with pip install "
            "'napari-mcwss[dicom]'"
        ) from error


def read_images(folder: Path) -> list[Image]:
    """Read the headers of all images in a folder, and in those below it if it has a DICOMDIR.

    Files that are not DICOM, and DICOM files that are no images, are passed over.

    Raises
    ------
    McwssError
        If pydicom is not installed, or an image cannot be read.
    """
    need_pydicom(folder)
    if not folder.is_dir():
        raise McwssError(f"no folder '{folder}': expected a DICOM series there")
    images: list[Image] = []
    for file in dicom_files(folder):
        with readable(file):
            images += _images_of(file)
    return images


def dicom_files(folder: Path, most: int | None = None) -> Iterator[Path]:
    """List DICOM files of a folder; with `most`, only those among its first files."""
    names = {path.name for path in folder.iterdir()}
    below = sorted(folder.rglob("*") if DIRECTORY in names else folder.iterdir())
    files = (file for file in below if file.name != DIRECTORY and file.is_file())
    yield from filter(is_dicom, islice(files, most))


def _images_of(file: Path) -> list[Image]:
    data = read_data(file, pixels=False)
    if "SOPClassUID" not in data and "Rows" not in data:
        raise ValueError("it has no elements of an image")
    if "Rows" not in data or text(data, "Modality") in _NO_IMAGES:
        return []
    frames, samples = whole(data, "NumberOfFrames", 1), whole(data, "SamplesPerPixel", 1)
    rows, columns = whole(data, "Rows", 0), whole(data, "Columns", 0)
    if samples > 1:
        raise McwssError(f"'{file}' is in colours: expected grey values: convert it")
    if "MOSAIC" in str(data.get("ImageType")).upper():
        raise McwssError(
            f"'{file}' is a Siemens mosaic, with its slices side by side: convert the series to "
            "NIfTI, with dcm2niix for example"
        )
    check_compression(file, data)
    if not is_compressed(data):
        bits = frames * rows * columns * whole(data, "BitsAllocated", 16)
        refuse_more_than_held(file, bits // 8, file.stat().st_size)
    return [frame_image(data, frame) for frame in range(frames)]


def group_of(data: Dataset, frame: int, sequence: str, name: str) -> Dataset:
    """Return what holds an attribute of a frame: of single images, the image itself."""
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        every = data.get(groups) or []
        group = every[frame if groups.startswith("Per") else 0] if every else {}
        for item in group.get(sequence) or []:
            if item.get(name) is not None:
                item.filename = file_of(data)
                return item
    return data


def frame_image(data: Dataset, frame: int) -> Image:
    """Return a frame of a file, counted from 0."""

    def own(sequence: str, name: str) -> Dataset:
        return group_of(data, frame, sequence, name)

    return Image(
        data,
        frame,
        numbers(own(*_PLACE), _PLACE[1], 3),
        numbers(own(*_DIRECTIONS), _DIRECTIONS[1], 6),
        numbers(own(*_SIZES), _SIZES[1], 2),
        number(own(*_THICKNESS), _THICKNESS[1], 1) or 1,
        number(own(*_SLOPE), _SLOPE[1], 1),
        number(own(*_INTERCEPT), _INTERCEPT[1], 0),
    )
