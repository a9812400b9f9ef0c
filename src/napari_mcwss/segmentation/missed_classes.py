"""Classes that a model has missed: tagged present, and nothing of them in the masks."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted, names_text
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag, TagTable

REMEDY = "lower the threshold, or tag more slices and train again"
"""What to do about a missed class."""


@dataclass(frozen=True)
class MissedClass:
    """A class whose masks are empty where they should not be.

    Attributes
    ----------
    name : str
        Of the class.
    scans : tuple of str
        Scans with slices tagged present and an empty mask of the class.
    slices : int
        Number of these slices.
    searched : int
        Number of all scans, if the mask of the class is empty in each; else 0.
    """

    name: str
    scans: tuple[str, ...]
    slices: int
    searched: int

    @property
    def text(self) -> str:
        """One line that says what is empty and what to do.

        Examples
        --------
        >>> MissedClass("TC", ("a",), 2, 0).text  # doctest: +ELLIPSIS
        'TC: not found in a, though tagged present on 2 slices: lower the threshold, or ...'
        >>> MissedClass("TC", (), 0, 3).text  # doctest: +ELLIPSIS
        'TC: not found in any of 3 scans; unless none holds it: lower the threshold, or ...'
        """
        tagged = f"tagged present on {counted(self.slices, 'slice')}"
        if not self.scans:
            text = f"not found in any of {self.searched} scans; unless none holds it"
        elif self.searched:
            text = f"not found in any of {self.searched} scans, though {tagged}"
        else:
            text = f"not found in {names_text(self.scans)}, though {tagged}"
        return f"{self.name}: {text}: {REMEDY}"


def missed_classes(
    study: Study,
    found: Mapping[str, Sequence[bool]],
    unknown: Collection[str] = (),
    tables: Mapping[str, TagTable] | None = None,
) -> list[MissedClass]:
    """Find the classes that a model has missed.

    A class is missed in a scan that has slices tagged present and an empty mask of the class. In
    several scans it is also missed if no mask holds it, as its training had slices tagged present.

    Parameters
    ----------
    study : Study
        With the tags.
    found : mapping of str to sequence of bool
        For each scan, whether its mask has voxels of each class.
    unknown : collection of str
        Classes that the model was not trained on, which it cannot miss.
    tables : mapping of str to TagTable, optional
        Tags of scans that need not be read from the disk.

    Returns
    -------
    list of MissedClass
        In the order of the classes.
    """
    known = tables or {}
    present = {scan: _slices_present(study, scan, known.get(scan)) for scan in found}
    missed = []
    for index, name in enumerate(study.class_names):
        if name in unknown:
            continue
        empty = [scan for scan, classes in found.items() if not classes[index]]
        tagged = [scan for scan in empty if present[scan][index]]
        searched = len(found) if len(empty) == len(found) > 1 else 0
        if tagged or searched:
            slices = sum(present[scan][index] for scan in tagged)
            missed.append(MissedClass(name, tuple(tagged), slices, searched))
    return missed


def missed_in_results(study: Study, model: str, scans: Sequence[str]) -> list[MissedClass]:
    """Find the classes that are missed in the stored masks of a model.

    Parameters
    ----------
    study : Study
        With tags and results.
    model : str
        Name of the model.
    scans : sequence of str
        Names of scans; those that the model has not segmented are left out.

    Raises
    ------
    McwssError
        If there is no such model, or a mask is damaged.
    """
    # This loads torch, which takes seconds: the masks of layers and files need none.
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.results import has_result, load_mask
    from napari_mcwss.segmentation.study_classes import unknown_classes

    known = read_info(study.model_folder(model)).classes
    labels = range(1, len(study.class_names) + 1)
    found = {}
    for scan in scans:
        if has_result(study, model, scan):
            held = np.unique(load_mask(study, model, scan))
            found[scan] = [label in held for label in labels]
    return missed_classes(study, found, unknown_classes(study, known))


def _slices_present(study: Study, scan: str, table: TagTable | None) -> list[int]:
    """Count the slices tagged present of each class; none if the tags are damaged."""
    with suppress(McwssError):
        values = (table or study.tags.read(scan)).values
        return [int(count) for count in np.count_nonzero(values == Tag.PRESENT, axis=0)]
    return [0] * len(study.class_names)
