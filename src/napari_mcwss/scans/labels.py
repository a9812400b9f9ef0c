"""Masks as people have them: label images, one channel or file for each class, DICOM."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.names import same_file
from napari_mcwss.base.text import names_text
from napari_mcwss.scans.file_names import images_in
from napari_mcwss.scans.formats.dicom_masks import is_dicom_mask, read_dicom_mask
from napari_mcwss.scans.formats.nrrd import Segment, segments_of
from napari_mcwss.scans.formats.registry import format_of, stem_of
from napari_mcwss.scans.formats.slices import slices_in
from napari_mcwss.scans.reading import read_mask, read_mask_channels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_mcwss.scans.geometry import Geometry

Label = int | str
"""A number, or a name, of a label in a mask."""


@dataclass(frozen=True, eq=False)
class MaskLabels:
    """The labels of a mask: numbers, names or, as of 3D Slicer, both; they may overlap.

    Attributes
    ----------
    path : Path
        The file or folder.
    found : tuple of int or str
        Labels that it has; of an image, 0 is among them.
    draw : callable
        Returns the voxels of some of the labels, bool ``(z, y, x)``.
    """

    path: Path
    found: tuple[Label, ...]
    draw: Callable[[Sequence[Label]], NDArray[np.bool_]]

    def voxels(self, labels: Sequence[Label]) -> NDArray[np.bool_]:
        """Return the voxels that have one of some labels, of which the mask may lack any.

        Parameters
        ----------
        labels : sequence of int or str
            Numbers count in masks with numbers, and names, in any case, in masks with names.

        Raises
        ------
        McwssError
            If the mask has names and no name is given, or numbers and no number is given.
        """
        wanted = {same_file(label) for label in labels if isinstance(label, str)}
        names = [label for label in self.found if isinstance(label, str)]
        if len(names) == len(self.found) and names and not wanted:
            raise McwssError(
                f"mask '{self.path}' has names ({names_text(names)}): expected "
                "the names of each class instead of numbers"
            )
        if not names and wanted and len(wanted) == len(labels):
            raise McwssError(
                f"mask '{self.path}' has no names of classes: expected the values of each class in "
                "it, such as TC=1,4"
            )
        return self.draw(
            [
                label
                for label in self.found
                if (same_file(label) in wanted if isinstance(label, str) else label in labels)
            ]
        )


def read_labels(path: Path, geometry: Geometry) -> MaskLabels:
    """Read a mask of any kind on the voxels of its scan.

    Parameters
    ----------
    path : Path
        An image of labels; a segmentation of 3D Slicer (``.seg.nrrd``); an image with a channel
        for each class (numbers from 1, or from 0 if each voxel is in exactly one channel, the
        first of which is background then); a folder with a mask for each class, named after it; a
        DICOM segmentation or RT structure set, or the folder of one.
        Pictures in a folder are the slices of one mask, if the scan has several.
    geometry : Geometry
        Geometry of the scan.

    Raises
    ------
    McwssError
        If it cannot be read, does not lie on the scan, or holds probabilities.
    """
    if path.is_dir() and format_of(path) is None and not _is_stack(path, geometry):
        return _one_a_file(path, geometry)
    if is_dicom_mask(path):
        names, draw = read_dicom_mask(path, geometry)
        return MaskLabels(path, names, draw)
    channels = read_mask_channels(path, geometry)
    if segments := segments_of(path):
        return _segments(path, channels, segments)
    if len(channels) > 1:
        return _one_a_channel(path, channels)
    return MaskLabels(
        path, tuple(np.unique(channels).tolist()), lambda labels: np.isin(channels[0], labels)
    )


def _segments(path: Path, channels: NDArray[np.int32], segments: Sequence[Segment]) -> MaskLabels:
    """Return the labels of segments; in a single layer, these are the values, too."""
    for segment in segments:
        if not 0 <= segment.layer < len(channels):
            raise McwssError(
                f"mask '{path}' has segment {segment.name} in layer {segment.layer}, and "
                f"{len(channels)} layers: save it again"
            )
    values = np.unique(channels).tolist() if len(channels) == 1 else []

    def draw(labels: Sequence[Label]) -> NDArray[np.bool_]:
        drawn = np.isin(channels[0], [label for label in labels if isinstance(label, int)])
        for segment in segments:
            if segment.name in labels:
                drawn |= channels[segment.layer] == segment.value
        return drawn

    return MaskLabels(path, (*values, *dict.fromkeys(s.name for s in segments)), draw)


def _is_stack(folder: Path, geometry: Geometry) -> bool:
    """Tell whether the files in a folder are the slices of one mask."""
    return geometry.shape[0] > 1 and len(slices_in(folder)) == len(images_in(folder)) > 1


def _one_a_file(folder: Path, geometry: Geometry) -> MaskLabels:
    files = {stem_of(path): path for path in images_in(folder)}
    if not files:
        raise McwssError(f"'{folder}' holds no mask: expected a file for each class")

    def draw(labels: Sequence[Label]) -> NDArray[np.bool_]:
        drawn = np.zeros(geometry.shape, np.bool_)
        for label in labels:
            mask = read_mask(files[str(label)], geometry)
            if len(values := np.unique(mask[mask != 0])) > 1:
                raise McwssError(
                    f"mask '{files[str(label)]}' has {len(values)} values: expected one, as "
                    "each file in its folder is the mask of one class"
                )
            drawn |= mask != 0
        return drawn

    return MaskLabels(folder, tuple(files), draw)


def _one_a_channel(path: Path, channels: NDArray[np.int32]) -> MaskLabels:
    if channels.min() < 0 or channels.max() > 1:
        raise McwssError(
            f"mask '{path}' has {len(channels)} channels with values from {channels.min()} to "
            f"{channels.max()}: expected one channel, or 0 and 1 in a channel for each class: "
            "split it"
        )
    inside = channels.astype(np.bool_)
    first = 1
    if (np.count_nonzero(inside, axis=0) == 1).all():
        first = 0
        warnings.warn(
            f"each voxel of mask '{path}' is in exactly one of its {len(channels)} channels: the "
            "first is taken for the background, the others for the labels from 1",
            stacklevel=3,
        )

    def draw(labels: Sequence[Label]) -> NDArray[np.bool_]:
        drawn = np.zeros(inside.shape[1:], np.bool_)
        for label in labels:
            drawn |= inside[int(label) - first]
        return drawn

    return MaskLabels(path, tuple(range(first, first + len(channels))), draw)
