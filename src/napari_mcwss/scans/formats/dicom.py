"""DICOM series, a folder of single-frame images each, through pydicom."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import unreadable
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.geometry import TOLERANCE, Geometry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom import Dataset

_NEEDED = (
    *("SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient"),
    *("PixelSpacing", "Rows", "Columns"),
)

_PREAMBLE, _MAGIC = 128, b"DICM"
"""A DICOM file begins with so many arbitrary bytes, and then this."""

_MOST_PROBED = 20
"""Files of a folder that are opened to see whether they are DICOM."""

_RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_series(folder: Path, *, pixels: bool = False) -> list[Dataset]:
    """Read the images of a series, sorted by their position in space.

    Files that are not DICOM are skipped.

    Raises
    ------
    McwssError
        If pydicom is not installed, the folder does not hold exactly one series, or the images
        are not equally spaced slices, one a file.
    """
    images = _images(folder, pixels=pixels)
    if not images:
        raise McwssError(f"no DICOM images in '{folder}': expected one series")
    for image in images:
        missing = [name for name in _NEEDED if image.get(name) is None]
        if missing or image.get("NumberOfFrames", 1) > 1 or image.get("SamplesPerPixel", 1) > 1:
            what = f"no {', '.join(missing)}" if missing else "several frames or colours"
            raise McwssError(
                f"an image in '{folder}' has {what}: expected one grey slice a file: convert the "
                "series to NIfTI"
            )
    found = {image.SeriesInstanceUID for image in images}
    if len(found) > 1:
        raise McwssError(
            f"'{folder}' holds {len(found)} series: give each a folder of its own, named after "
            "its channel"
        )
    first = images[0]
    for image in images:
        for name in ("ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"):
            if not np.allclose(image[name].value, first[name].value, atol=1e-4):
                raise McwssError(f"images in '{folder}' differ in {name}: expected one volume")
    normal = _normal(first)
    images.sort(key=lambda image: float(normal @ np.array(image.ImagePositionPatient, float)))
    places = np.array([image.ImagePositionPatient for image in images], float)
    steps = np.diff(places, axis=0)
    if len(steps) and (
        np.abs(steps - steps.mean(0)).max() > 10 * TOLERANCE
        or np.linalg.norm(steps.mean(0)) < TOLERANCE
    ):
        raise McwssError(
            f"slices in '{folder}' are not at equal distances: expected one volume: look for "
            "missing images, or several points in time"
        )
    return images


def series_geometry(images: Sequence[Dataset]) -> Geometry:
    """Return the grid (column, row, image) of a sorted series."""
    first = images[0]
    orientation = np.array(first.ImageOrientationPatient, float)
    down, right = map(float, first.PixelSpacing)
    places = np.array([image.ImagePositionPatient for image in images], float)
    step = (
        (places[-1] - places[0]) / (len(places) - 1)
        if len(places) > 1
        else _normal(first) * float(first.get("SliceThickness") or 1)
    )
    affine = np.eye(4)
    affine[:3] = np.column_stack([orientation[:3] * right, orientation[3:] * down, step, places[0]])
    return Geometry.from_source((first.Columns, first.Rows, len(images)), _RAS_FROM_LPS @ affine)


def _read_header(folder: Path) -> Header:
    return Header(folder, series_geometry(read_series(folder)), 1)


def _read_voxels(folder: Path, _: int) -> NDArray[Any]:
    """Read voxels, rescaled as the headers say: CT in Hounsfield units."""
    from pydicom.pixels import apply_modality_lut

    slices = []
    for image in read_series(folder, pixels=True):
        try:
            values = apply_modality_lut(image.pixel_array, image)
        except (AttributeError, KeyError, RuntimeError, ValueError) as error:
            raise unreadable(folder, error) from error
        slices.append(values.astype(np.float32))
    return np.stack(slices).transpose(2, 1, 0)[None]


def _is_series(folder: Path) -> bool:
    with suppress(OSError):
        files = (file for file in folder.iterdir() if file.is_file() and file.name != "DICOMDIR")
        return any(map(_is_dicom, islice(files, _MOST_PROBED)))
    return False


def _is_dicom(file: Path) -> bool:
    with suppress(OSError), file.open("rb") as opened:
        return opened.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] == _MAGIC
    return False


def _images(folder: Path, *, pixels: bool) -> list[Dataset]:
    try:
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise McwssError(
            f"'{folder}' is a DICOM series, which needs pydicom: install it with pip install "
            "'napari-mcwss[dicom]'"
        ) from error
    if not folder.is_dir():
        raise McwssError(f"no folder '{folder}': expected a DICOM series there")
    images = []
    for file in sorted(folder.iterdir()):
        try:
            image = dcmread(file, stop_before_pixels=not pixels)
        except (InvalidDicomError, IsADirectoryError):
            continue  # Other files, such as notes, lie beside images.
        except (OSError, EOFError, ValueError) as error:
            raise unreadable(file, error) from error
        if "Rows" in image:  # A DICOMDIR has none.
            images.append(image)
    return images


def _normal(image: Dataset) -> NDArray[np.float64]:
    orientation = np.array(image.ImageOrientationPatient, float)
    return np.cross(orientation[:3], orientation[3:])


DICOM = Format("DICOM series", (), _read_header, _read_voxels, is_scan=_is_series)
