"""Which scan to correct next, so that a training learns most from its corrected mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted, names_text
from napari_mcwss.segmentation.corrected import is_corrected
from napari_mcwss.segmentation.masks.exclusive import GATE, allowed_slices
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.missed_classes import missed_in_results
from napari_mcwss.segmentation.results import load_result, stored_settings
from napari_mcwss.study.study import Study
from napari_mcwss.tags.agreement import contradictions

MARGIN = 0.1
"""A voxel is doubtful if a CAM is nearer to its threshold than this, and none is above that."""

SPECK = 0.1
"""Findings below this part of the median one count as if they were that large."""


@dataclass(frozen=True)
class Doubt:
    """How sure a model is about a scan.

    Attributes
    ----------
    scan : str
        Name of the scan.
    slice_index : int
        Slice with the most doubtful voxels, or else the first whose tags the scores contradict.
    doubtful, found : int
        Voxels near the threshold, and all from there upwards.
    contradicted, tagged : int
        Tagged slices whose tags the scores contradict, and all tagged slices.
    missed : tuple of str
        Classes tagged present whose mask is empty.
    """

    scan: str
    slice_index: int
    doubtful: int
    found: int
    contradicted: int
    tagged: int
    missed: tuple[str, ...]

    @property
    def reason(self) -> str:
        """What is doubtful, in words.

        Examples
        --------
        >>> Doubt("a", 3, 40, 100, 2, 9, ()).reason
        '40 % of its finding is near the threshold, tags contradict the scores on 2 slices'
        """
        parts = [f"{names_text(self.missed)} was missed"] if self.missed else []
        if self.doubtful:
            share = f"{100 * self.doubtful / self.found:.0f}"
            parts.append(f"{share} % of its finding is near the threshold")
        if self.contradicted:
            slices = counted(self.contradicted, "slice")
            parts.append(f"tags contradict the scores on {slices}")
        return ", ".join(parts) or "the model is sure about it"


def rank_to_correct(study: Study, model: str, scans: Sequence[str]) -> list[Doubt]:
    """Rank the scans without a corrected mask by how unsure the model is about them.

    Three shares are added up: of doubtful voxels among those found, of tagged slices whose tags
    the scores contradict, and of classes that were missed. This is a rule of thumb; how much it
    gains over any other order has not been measured.

    Parameters
    ----------
    study : Study
        With tags and stored results.
    model : str
        Name of the model.
    scans : sequence of str
        Names of the scans to choose from.

    Returns
    -------
    list of Doubt
        The most doubtful scan first; among equals, in the given order. Scans are left out if
        they are corrected, if the model has not segmented them, or if their files cannot be read.
    """
    found = []
    for scan in scans:
        try:
            doubt = None if is_corrected(study, scan) else _doubt(study, model, scan)
        except McwssError:
            continue
        if doubt is not None:
            found.append(doubt)
    least = SPECK * median([doubt.found for doubt in found if doubt.found] or [0])

    def degree(doubt: Doubt) -> float:
        return (
            doubt.doubtful / max(1, doubt.found, least)
            + doubt.contradicted / max(1, doubt.tagged)
            + len(doubt.missed) / len(study.class_names)
        )

    return sorted(found, key=degree, reverse=True)


def _doubt(study: Study, model: str, scan: str) -> Doubt | None:
    prediction = load_result(study, model, scan)
    if prediction is None:
        return None
    table = study.tags.read(scan)
    record = stored_settings(study, model, scan)
    settings = MaskSettings.of_record(record, table.values, study.class_names)
    allowed = allowed_slices(prediction.scores, settings.gate, settings.tags)
    near = sure = np.zeros(prediction.cams.shape[1:], bool)
    thresholds = settings.thresholds_of(study.class_names)
    for cam, possible, threshold in zip(prediction.cams, allowed.T, thresholds, strict=True):
        # Below, and where the class is not possible, nothing is found.
        near = near | (possible[:, None, None] & (cam > max(0, threshold - MARGIN)))
        sure = sure | (possible[:, None, None] & (cam >= threshold + MARGIN))
    doubtful = np.count_nonzero(near & ~sure, axis=(1, 2))
    contradicted = contradictions(table, prediction.scores, GATE).any(1)
    missed = missed_in_results(study, model, [scan])
    return Doubt(
        scan,
        int(np.argmax(doubtful if doubtful.any() else contradicted)),
        int(doubtful.sum()),
        int(np.count_nonzero(near)),
        int(contradicted.sum()),
        int(table.tagged.sum()),
        tuple(found.name for found in missed),
    )
