"""How near the masks of models come to the masks that users corrected."""

from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted
from napari_mcwss.segmentation.corrected import read_corrected, right_scans
from napari_mcwss.study.study import Study


@dataclass(frozen=True)
class Nearness:
    """The overlap of a model's masks with corrected masks that it has not learnt from.

    Attributes
    ----------
    model : str
        Name of the model.
    dice : float
        Mean Dice over classes and scans, of those that either mask holds.
    scans : int
        Number of scans.
    learnt : int
        Number of corrected masks that it has learnt from.

    Examples
    --------
    >>> str(Nearness("second", 0.8123, 2, 3))
    'second 0.81 (2 scans; learnt from 3)'
    """

    model: str
    dice: float
    scans: int
    learnt: int

    def __str__(self) -> str:
        learnt = f"; learnt from {self.learnt}" if self.learnt else ""
        return f"{self.model} {self.dice:.2f} ({counted(self.scans, 'scan')}{learnt})"


def near_corrections(study: Study) -> list[Nearness]:
    """Compare the stored masks of each model with corrected masks that it has not learnt from.

    Only masks that the user has confirmed count, of scans that the model has segmented. A mask
    that began with a model's own is nearer to it than one that was drawn from nothing.

    Parameters
    ----------
    study : Study
        The study with models and corrected masks.

    Returns
    -------
    list of Nearness
        The newest model last; those without such a scan are left out, and so are files that
        cannot be read.
    """
    try:
        right = right_scans(study)
    except McwssError:
        return []
    if not right:
        return []
    # It loads torch, which takes seconds.
    from napari_mcwss.model.checkpoint import read_info

    found = []
    for model in study.model_names():
        try:
            trusted = read_info(study.model_folder(model)).trusted_scans
        except McwssError:
            continue
        held_back = [scan for scan in right if scan not in trusted]
        values = [value for scan in held_back if (value := _dice(study, model, scan)) is not None]
        if values:
            found.append(Nearness(model, fmean(values), len(values), len(trusted)))
    return found


def _dice(study: Study, model: str, scan: str) -> float | None:
    """Return the mean Dice over the classes that either mask holds; None if there are none."""
    from napari_mcwss.segmentation.results import has_result, load_mask

    try:
        corrected = read_corrected(study, scan)
        if corrected is None or not has_result(study, model, scan):
            return None
        mask = load_mask(study, model, scan)
    except McwssError:
        return None
    labels = range(1, len(study.class_names) + 1)
    values = [_overlap(mask == label, corrected.labels == label) for label in labels]
    defined = [value for value in values if value is not None]
    return fmean(defined) if defined else None


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float | None:
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero(one & other) / total if total else None
