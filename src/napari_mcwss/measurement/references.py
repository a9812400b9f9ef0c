"""Reference masks of a study's scans, read from files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.class_masks import check_values
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.labels import Label
from napari_mcwss.scans.labels import read_labels as read_labels_of
from napari_mcwss.study.study import Study
from napari_mcwss.tags.mask_values import MaskValues


class ReferenceMasks:
    """Masks in files, one per scan.

    They are in a folder, or named `masks` beside the scans, as in `find_masks`; `values` are the
    values of each class in them, or the names that they have there, by default those of the
    classes.
    """

    def __init__(self, study: Study, masks: str, values: Mapping[str, Sequence[Label]]) -> None:
        values = values or {name: (name,) for name in study.class_names}
        self._study, self._masks, self._values = study, masks, values
        # The masks of all scans are looked for together: none is taken for another's.
        self._files = {scan: study.files(scan)[0] for scan in study.scan_names}
        self._found = MaskValues(values)
        self._read: set[str] = set()

    def path(self, scan: str) -> Path:
        """Return the file of a scan's mask."""
        return find_masks(self._masks, self._files, only=[scan])[scan]

    def has(self, scan: str) -> bool:
        """Tell whether a scan has a mask."""
        try:
            self.path(scan)
        except McwssError:
            return False
        return True

    def read(self, scan: str) -> NDArray[np.bool_]:
        """Read a scan's masks, bool ``(classes, z, y, x)``."""
        check_values(self._values, self._study.class_names)
        mask = read_labels_of(self.path(scan), self._study.scan(scan).geometry)
        self._found.add(mask.found)
        self._read.add(scan)
        return np.stack([mask.voxels(self._values[name]) for name in self._study.class_names])

    def check(self) -> None:
        """Refuse values that do not fit the masks read so far, as `MaskValues.check` does."""
        # A class that these scans just do not have is in the masks of others.
        for scan in self._study.scan_names:
            if self._found.missing and scan not in self._read and self.has(scan):
                geometry = self._study.scan(scan).geometry
                self._found.add(read_labels_of(self.path(scan), geometry).found)
        self._found.check()


def read_references(
    study: Study, masks: str, values: Mapping[str, Sequence[Label]], scans: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Read names and masks, bool ``(classes, z, y, x)``, of scans, one at a time.

    Raises
    ------
    McwssError
        If a mask cannot be read; and after the last one, if the values do not
        fit the masks of the study.
    """
    references = ReferenceMasks(study, masks, values)
    for scan in scans:
        references.path(scan)
    for scan in scans:
        yield scan, references.read(scan)
    references.check()


def scans_with_mask(study: Study, masks: str, scans: Sequence[str]) -> list[str]:
    """Return the scans that have a mask; parameters as in `read_references`."""
    return list(filter(ReferenceMasks(study, masks, {}).has, scans))


def read_labels(
    study: Study, masks: str, values: Mapping[str, Sequence[Label]], scans: Sequence[str]
) -> dict[str, NDArray[np.uint8]]:
    """Read masks as label images, uint8 ``(z, y, x)``: 0 background, k + 1 class k.

    Where classes share a value, the smaller one of the scan has its voxels.
    Parameters and errors are those of `read_references`.
    """
    labels = {}
    for scan, references in read_references(study, masks, values, scans):
        image = np.zeros(references.shape[1:], np.uint8)
        # Classes may share values: one that lies in another is the smaller, and goes on top.
        for index in np.argsort(-np.count_nonzero(references, axis=(1, 2, 3)), kind="stable"):
            image[references[index]] = index + 1
        labels[scan] = image
    return labels
