"""DICOM segmentations and RT structure sets, drawn on the voxels of a scan, through pydicom."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import readable, refuse_more_than_memory
from napari_mcwss.base.text import names_text
from napari_mcwss.scans.formats.dicom_images import dicom_files, frame_image, group_of, need_pydicom
from napari_mcwss.scans.formats.dicom_pixels import read_data
from napari_mcwss.scans.formats.dicom_values import number, numbers, text, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_mcwss.scans.geometry import Geometry

    Draw = Callable[[Sequence[Any]], NDArray[np.bool_]]

SUFFIX = ".dcm"
"""End of names of files with a mask, as the files of an image need not have it."""

_MODALITIES = ("SEG", "RTSTRUCT")

_FAR = 0.25
"""Distance in voxels from the scan's own from which a mask is on another grid."""

_FILLED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def is_dicom_mask(path: Path) -> bool:
    """Tell whether a file is a segmentation or structure set, or a folder holds no images but such.

    A file must have the suffix ``.dcm``.
    """
    if path.is_dir():
        return any(True for _ in dicom_files(path, most=1)) and bool(_masks_in(path))
    return path.name.lower().endswith(SUFFIX) and path.is_file() and _modality(path) in _MODALITIES


def read_dicom_mask(path: Path, geometry: Geometry) -> tuple[tuple[str, ...], Draw]:
    """Read a segmentation or structure set.

    Returns
    -------
    names : tuple of str
        Those of its segments, or of its structures.
    draw : callable
        Returns the voxels of those with some names, bool ``(z, y, x)``.

    Raises
    ------
    McwssError
        If it cannot be read, or does not lie on the voxels of the scan.
    """
    need_pydicom(path)
    files = _masks_in(path) if path.is_dir() else [path]
    if len(files) > 1:
        raise McwssError(
            f"'{path}' holds {len(files)} masks ({names_text([file.name for file in files])}): "
            "expected one: give each a folder of its own"
        )
    (file,) = files
    with readable(file):
        data = read_data(file, pixels=True)
        read = _read_segments if text(data, "Modality") == "SEG" else _read_structures
        names, draw = read(file, data, geometry)

    def guarded(labels: Sequence[str]) -> NDArray[np.bool_]:
        with readable(file):
            return geometry.to_canonical(draw([k for k, name in names.items() if name in labels]))

    return tuple(dict.fromkeys(names.values())), guarded


def _masks_in(folder: Path) -> list[Path]:
    """List the masks in a folder; none if it holds images."""
    found = [(file, _modality(file)) for file in dicom_files(folder, most=2)]
    if not all(modality in _MODALITIES for _, modality in found):
        return []
    return [file for file in dicom_files(folder) if _modality(file) in _MODALITIES]


def _modality(file: Path) -> str:
    need_pydicom(file)
    with readable(file):
        return text(read_data(file, pixels=False), "Modality")


def _read_segments(file: Path, data: Dataset, geometry: Geometry) -> tuple[dict[int, str], Draw]:
    """Return the label of each segment by its number, and what draws some of them."""
    kind = text(data, "SegmentationType")
    count, rows = whole(data, "NumberOfFrames", 1), whole(data, "Rows", 0)
    refuse_more_than_memory(file, 2 * count * rows * whole(data, "Columns", 0))
    frames = data.pixel_array.reshape(count, rows, -1)
    if kind == "FRACTIONAL":
        if not np.isin(frames, (0, whole(data, "MaximumFractionalValue", 255))).all():
            raise McwssError(
                f"'{file}' is a segmentation of fractions or probabilities: expected a binary one: "
                "threshold it"
            )
        frames = frames > 0
    names = {
        int(number(item, "SegmentNumber", 0)): text(item, "SegmentLabel")
        for item in data.SegmentSequence
    }
    names.pop(0, None)  # The background of a label map.
    places = [_Place(file, data, frame, geometry) for frame in range(count)]

    def draw(segments: Sequence[int]) -> NDArray[np.bool_]:
        drawn = np.zeros(geometry.source_shape, np.bool_)
        for place, pixels in zip(places, frames, strict=True):
            if kind == "LABELMAP":
                place.put(drawn, np.isin(pixels, segments))
            elif place.segment in segments:
                place.put(drawn, pixels)
        return drawn

    return names, draw


class _Place:
    """Where the pixels of a frame are among the voxels of a scan, and of which segment they are."""

    def __init__(self, file: Path, data: Dataset, frame: int, geometry: Geometry) -> None:
        self._file = file
        image = frame_image(data, frame)
        if image.place is None or image.directions is None or image.sizes is None:
            raise McwssError(
                f"'{file}' does not say where its frames are: expected positions in mm"
            )
        down, right = image.directions[3:] * image.sizes[0], image.directions[:3] * image.sizes[1]
        # From the row and the column of a pixel, and 1.
        place = np.column_stack([down, right, image.place])
        indices = np.linalg.inv(_LPS_FROM_RAS @ geometry.source_affine) @ np.vstack(
            [place, [0, 0, 1]]
        )
        self._indices = np.rint(indices[:3]).astype(int)
        corner = np.array([whole(data, "Rows", 0) - 1, whole(data, "Columns", 0) - 1, 1.0])
        steps = np.abs(self._indices[:, :2]).sum(axis=0)
        far = max(
            float(np.abs((indices[:3] - self._indices) @ end).max())
            for end in (corner, corner * [0, 0, 1])
        )
        if far > _FAR or (steps != 1).any():
            raise McwssError(
                f"'{file}' lies on other voxels than its scan, by up to {far:.2g} of them: "
                "expected the segmentation of this scan: resample it"
            )
        number_of = "ReferencedSegmentNumber"
        item = group_of(data, frame, "SegmentIdentificationSequence", number_of)
        self.segment = int(number(item, number_of, 0))

    def put(self, drawn: NDArray[np.bool_], pixels: NDArray[Any]) -> None:
        """Mark the voxels of the pixels that are not 0."""
        row, column = np.nonzero(pixels)
        voxels = self._indices @ np.stack([row, column, np.ones_like(row)])
        if (voxels < 0).any() or (voxels >= np.array(drawn.shape)[:, None]).any():
            raise McwssError(
                f"'{self._file}' reaches beyond its scan: expected the segmentation of this scan"
            )
        drawn[tuple(voxels)] = True


def _read_structures(file: Path, data: Dataset, geometry: Geometry) -> tuple[dict[int, str], Draw]:
    """Return the name of each structure by its number, and what draws some of them."""
    names = {
        int(number(item, "ROINumber", 0)): text(item, "ROIName")
        for item in data.StructureSetROISequence
    }
    to_index = np.linalg.inv(_LPS_FROM_RAS @ geometry.source_affine)
    contours: dict[int, list[NDArray[np.float64]]] = {}
    open_ones = set()
    for item in data.get("ROIContourSequence") or []:
        roi = int(number(item, "ReferencedROINumber", 0))
        for contour in item.get("ContourSequence") or []:
            if text(contour, "ContourGeometricType") not in _FILLED:
                open_ones.add(names.get(roi, str(roi)))
                continue
            points = numbers(contour, "ContourData", 3 * len(contour.ContourData) // 3)
            if points is None or len(points) < 9:
                continue
            mm = np.column_stack([points.reshape(-1, 3), np.ones(len(points) // 3)])
            contours.setdefault(roi, []).append((to_index @ mm.T)[:3])
    if open_ones:
        warnings.warn(
            f"'{file}' has points and open lines, which enclose no voxels: left out of "
            f"{names_text(sorted(open_ones))}",
            stacklevel=2,
        )

    def draw(structures: Sequence[int]) -> NDArray[np.bool_]:
        drawn = np.zeros(geometry.source_shape, np.bool_)
        for roi in structures:
            one = np.zeros(geometry.source_shape, np.bool_)
            for points in contours.get(roi, []):
                _fill(file, one, points)
            drawn |= one
        return drawn

    return names, draw


def _fill(file: Path, drawn: NDArray[np.bool_], points: NDArray[np.float64]) -> None:
    """Fill a contour in its slice; where it lies in another one, it is a hole.

    Voxels are inside whose centres are.
    """
    from skimage.draw import polygon

    across = int(np.argmin(np.ptp(points, axis=1)))
    plane = points[across].mean()
    index = math.floor(plane + 0.5)
    if np.abs(points[across] - index).max() > _FAR:
        raise McwssError(
            f"'{file}' has contours between the slices of the scan: expected contours that were "
            "drawn on this scan"
        )
    if not 0 <= index < drawn.shape[across]:
        raise McwssError(f"'{file}' reaches beyond its scan: expected contours of this scan")
    inside = np.moveaxis(drawn, across, 0)[index]
    rows, columns = np.delete(points, across, axis=0)
    filled = polygon(rows, columns, inside.shape)
    inside[filled] ^= True
