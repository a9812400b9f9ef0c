"""The threshold at which masks agree best with a few reference masks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.references import read_references, scans_with_mask
from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.scans.labels import Label
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.results import has_result, load_result, no_result
from napari_mcwss.segmentation.segment import mask_of
from napari_mcwss.study.study import Study

CANDIDATES = tuple(round(0.05 * step, 2) for step in range(2, 19))
"""Thresholds that are tried: 0.1 to 0.9."""


def dice_by_threshold(
    study: Study,
    model: str,
    masks: str,
    mapping: Mapping[str, Sequence[Label]],
    scans: Sequence[str] | None = None,
    rules: MaskSettings | None = None,
) -> Iterator[tuple[str, dict[float, float]]]:
    """Measure stored CAMs at each threshold against reference masks, as in `read_references`.

    Yield the name of each scan, and Dice by threshold, the mean over the classes.

    Parameters
    ----------
    study, masks, mapping
        As in `read_references`.
    scans : sequence of str, optional
        To look at; all that are segmented and have a mask if not given.
    rules : MaskSettings, optional
        All but thresholds and tags are taken from them. A scan's own tags are
        left out: scans without tags are to be segmented with the threshold, too.
    """
    if scans is None:
        scans = [scan for scan in study.scan_names if has_result(study, model, scan)]
        scans = scans_with_mask(study, masks, scans)
    if not scans:
        raise McwssError(
            f"found no scan that model {model} has segmented and {masks} has a mask of: "
            "segment one first, or name other masks"
        )
    info = read_info(study.model_folder(model))
    for scan, references in read_references(study, masks, mapping, scans):
        prediction = load_result(study, model, scan)
        if prediction is None:
            raise no_result(model, scan)
        found = {}
        for value in CANDIDATES:
            tried = replace(rules or MaskSettings(), threshold=value, thresholds={}, tags=None)
            mask = mask_of(study, info, prediction, tried)
            found[value] = fmean(
                _dice(mask == label, reference) for label, reference in enumerate(references, 1)
            )
        study.scan(scan).release()
        yield scan, found


def _dice(mask: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    size = np.count_nonzero(mask) + np.count_nonzero(reference)
    return 2 * np.count_nonzero(mask & reference) / size if size else 1.0


def best_threshold(found: Mapping[str, Mapping[float, float]]) -> float:
    """Return the threshold with the highest mean Dice over scans; in ties, that nearest to 0.5."""
    means = {value: fmean(scan[value] for scan in found.values()) for value in CANDIDATES}
    return max(CANDIDATES, key=lambda value: (np.round(means[value], 6), -abs(value - 0.5)))
