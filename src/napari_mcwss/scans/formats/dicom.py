"""DICOM series, a folder of images each, through pydicom."""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import readable, refuse_more_than_memory
from napari_mcwss.base.text import counted, names_text, size_text
from napari_mcwss.scans.formats.dicom_images import Image, dicom_files, read_images
from napari_mcwss.scans.formats.dicom_pixels import read_pixels
from napari_mcwss.scans.formats.dicom_values import number, text, whole
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.formats.picture import PICTURE_AFFINE
from napari_mcwss.scans.geometry import TOLERANCE, Geometry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_MOST_PROBED = 20
"""Files of a folder that are opened to see whether they are DICOM."""

_SAME, _MISSING, _ROUNDED = 0.25, 1.6, 0.25
"""Steps between images, and distances from where they would be at equal steps, relative to the
usual step: images at one place, images with one missing between, and positions that a scanner
has rounded."""

_COLOURS = "PhotometricInterpretation"

_RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_series(folder: Path) -> list[Image]:
    """Read the headers of the images of a series, sorted by their position in space.

    Raises
    ------
    McwssError
        If pydicom is not installed, the folder does not hold exactly one series, or the images
        are not equally spaced slices.
    """
    every = series_in(folder)
    if len(every) > 1:
        raise McwssError(
            f"'{folder}' holds {len(every)} series ({names_text([*every])}): expected one"
        )
    (images,) = every.values()
    return images


def series_in(folder: Path) -> dict[str, list[Image]]:
    """Read the headers of all series in a folder, by their descriptions.

    Returns
    -------
    dict of str to list of Image
        In the order of their numbers; the images of each sorted by their position in space.

    Raises
    ------
    McwssError
        As `read_series`.
    """
    groups: dict[str, list[Image]] = {}
    for image in read_images(folder):
        groups.setdefault(text(image.data, "SeriesInstanceUID"), []).append(image)
    if not groups:
        raise McwssError(f"no DICOM images in '{folder}': expected one series")
    ordered = sorted(
        groups.values(), key=lambda images: number(images[0].data, "SeriesNumber", math.inf)
    )
    found: dict[str, list[Image]] = {}
    for images in ordered:
        name = text(images[0].data, "SeriesDescription") or f"series {len(found) + 1}"
        while name in found:
            name += "'"
        found[name] = _sorted(folder, images)
    return found


def series_geometry(images: Sequence[Image]) -> Geometry:
    """Return the grid (column, row, image) of a sorted series."""
    first = images[0]
    shape = (whole(first.data, "Columns", 0), whole(first.data, "Rows", 0), len(images))
    if first.place is None or first.directions is None or first.sizes is None:
        # A projection has no place in the patient, and its pixels no size there.
        return Geometry.from_source(shape, PICTURE_AFFINE, in_mm=False, oriented=False)
    down, right = first.sizes
    step = first.normal * first.thickness
    last = images[-1].place
    if len(images) > 1 and last is not None:
        step = (last - first.place) / (len(images) - 1)
    affine = np.eye(4)
    affine[:3] = np.column_stack(
        [first.directions[:3] * right, first.directions[3:] * down, step, first.place]
    )
    return Geometry.from_source(shape, _RAS_FROM_LPS @ affine)


def _sorted(folder: Path, images: list[Image]) -> list[Image]:
    """Sort the images of a series, without copies; refuse what is no volume."""
    if images[0].place is None and len(images) == 1:
        return images
    for image in images:
        _check_alike(folder, images[0], image)
    images = sorted(_without_copies(folder, images), key=lambda image: _height(images[0], image))
    if len(images) == 1:
        return images
    places = np.array([image.place for image in images])
    steps = np.diff(places @ images[0].normal)
    # Of two steps, the smaller one: the other is where an image is missing.
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    for before, after, step in zip(images[:-1], images[1:], steps, strict=True):
        if step > _SAME * usual and step > TOLERANCE and step < _MISSING * usual:
            continue
        fault = "an image is missing" if step >= _MISSING * usual > 0 else "there is no distance"
        raise McwssError(
            f"slices in '{folder}' are not at equal distances: {fault} between '{before.file}' "
            f"and '{after.file}': expected one volume: look for missing images, or several points "
            "in time"
        )
    shares = np.linspace(0, 1, len(images))[:, None]
    far = np.abs(places - (places[0] * (1 - shares) + places[-1] * shares)).max()
    if far > _ROUNDED * usual:
        raise McwssError(
            f"slices in '{folder}' are not at equal distances, by up to {far:.3g} mm: expected one "
            "volume: resample it"
        )
    if far > 10 * TOLERANCE:
        warnings.warn(
            f"slices in '{folder}' are up to {far:.3g} mm from equal distances, which are assumed",
            stacklevel=2,
        )
    return images


def _height(first: Image, image: Image) -> float:
    return 0.0 if image.place is None else float(first.normal @ image.place)


def _check_alike(folder: Path, first: Image, image: Image) -> None:
    """Refuse images that are not slices of one grid."""
    needed = {
        "ImagePositionPatient": image.place,
        "ImageOrientationPatient": image.directions,
        "PixelSpacing": image.sizes,
    }
    if missing := [name for name, value in needed.items() if value is None]:
        raise McwssError(
            f"'{image.file}' has no {', '.join(missing)}: expected the slices of one volume, or "
            "a single projection in a folder of its own"
        )
    for name in ("Rows", "Columns"):
        if whole(image.data, name, 0) != whole(first.data, name, 0):
            raise McwssError(f"images in '{folder}' differ in {name}: expected one volume")
    alike = {
        "ImageOrientationPatient": (first.directions, image.directions),
        "PixelSpacing": (first.sizes, image.sizes),
    }
    for name, pair in alike.items():
        if not np.allclose(*pair, atol=1e-4):  # type: ignore[arg-type]
            raise McwssError(f"images in '{folder}' differ in {name}: expected one volume")


def _without_copies(folder: Path, images: Sequence[Image]) -> list[Image]:
    """Leave out images that are there twice, under another name, and say so."""
    found: dict[tuple[str, int], Image] = {}
    copies = []
    for image in images:
        uid = text(image.data, "SOPInstanceUID") or image.file
        if (uid, image.frame) in found:
            copies.append(f"'{image.file}'")
        found.setdefault((uid, image.frame), image)
    if copies:
        warnings.warn(
            f"'{folder}' holds {counted(len(copies), 'image')} twice: left out "
            f"{names_text(copies)}",
            stacklevel=2,
        )
    return list(found.values())


def _read_header(folder: Path) -> Header:
    series = series_in(folder)
    grids = [series_geometry(images) for images in series.values()]
    for name, grid in zip(series, grids, strict=True):
        if grid.shape != grids[0].shape or grids[0].differs_from(grid):
            sizes = [f"{n} {size_text(g.shape)}" for n, g in zip(series, grids, strict=True)]
            raise McwssError(
                f"'{folder}' holds {len(series)} series ({names_text(sizes)}), of which {name} "
                "has another grid than the first: give each a folder of its own, named after "
                "its channel"
            )
    if len(series) > 1:
        warnings.warn(
            f"'{folder}' holds {len(series)} series, which are read as channels in this order: "
            f"{names_text([*series])}",
            stacklevel=2,
        )
    return Header(folder, grids[0], len(series), names=tuple(series))


def _read_voxels(folder: Path, _: int) -> NDArray[Any]:
    """Read voxels, rescaled as the headers say: CT in Hounsfield units."""
    series = series_in(folder)
    shape = [len(series), *series_geometry(next(iter(series.values()))).source_shape[::-1]]
    refuse_more_than_memory(folder, math.prod(shape) * np.dtype(np.float32).itemsize)
    volume = np.empty(shape, np.float32)
    read: tuple[str, NDArray[np.float32]] = ("", volume)
    for channel, images in enumerate(series.values()):
        for index, image in enumerate(images):
            if read[0] != image.file:
                with readable(type(folder)(image.file)):
                    read = (image.file, read_pixels(image.file, image.slope, image.intercept))
            values = read[1][image.frame] * image.slope + image.intercept
            if image.place is None and text(image.data, _COLOURS) == "MONOCHROME1":
                values = _inverted(image, values)
            volume[channel, index] = values
    return volume.transpose(0, 3, 2, 1)


def _inverted(image: Image, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let what is dense be bright, as in other X-rays."""
    bits = whole(image.data, "BitsStored", 16)
    lowest = -(2 ** (bits - 1)) if number(image.data, "PixelRepresentation", 0) else 0
    ends = np.array([lowest, lowest + 2**bits - 1]) * image.slope + image.intercept
    return np.float32(ends.sum()) - values


def _is_series(folder: Path) -> bool:
    with suppress(OSError):
        return any(True for _ in dicom_files(folder, most=_MOST_PROBED))
    return False


DICOM = Format("DICOM series", (), _read_header, _read_voxels, is_scan=_is_series)
