"""Where tags and a model's stored scores contradict each other, over many scans."""

from collections.abc import Sequence

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.masks.exclusive import GATE
from napari_mcwss.segmentation.results import has_result, load_scores
from napari_mcwss.study.study import Study
from napari_mcwss.tags.agreement import contradictions


def first_disagreement(study: Study, model: str, scans: Sequence[str]) -> tuple[str, int] | None:
    """Find scan and index of the first slice with a tag that its score contradicts.

    Scans are skipped if the model has not segmented them, or if their tags or scores cannot be
    read: whoever opens such a scan is told.
    """
    for scan in scans:
        try:
            if not has_result(study, model, scan):
                continue
            table, scores = study.tags.read(scan), load_scores(study, model, scan)
        except McwssError:
            continue
        if scores.shape == table.values.shape:
            different = np.flatnonzero(contradictions(table, scores, GATE).any(1))
            if different.size:
                return scan, int(different[0])
    return None
