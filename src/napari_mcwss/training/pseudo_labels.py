"""What a trained model makes of the scans that it was trained on: labels for the second stage."""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.model.preset import IGNORED
from napari_mcwss.project import Study
from napari_mcwss.segmentation.exclusive import THRESHOLD, exclusive_mask
from napari_mcwss.segmentation.predict import Prediction, Progress, predict
from napari_mcwss.segmentation.segment import study_precedence

DOUBT = 0.1
"""A pixel is doubtful if thresholds so much lower and higher would change its class."""

GOOD_ENOUGH = 0.5
"""Agreement with given masks from which labels are worth learning from beside them."""


def pseudo_labels(
    prediction: Prediction, precedence: NDArray[np.bool_], tags: NDArray[np.int8]
) -> NDArray[np.uint8]:
    """Make labels of CAMs: a class, background, or ignored where doubtful.

    Tags are hard constraints: a class is nowhere on a slice that it is absent
    from.

    Parameters
    ----------
    prediction : Prediction
        Of the scan.
    precedence, tags
        As in `exclusive_mask`.

    Returns
    -------
    ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 class k, `IGNORED` doubtful.
    """
    low, high = (
        exclusive_mask(
            prediction.cams,
            prediction.scores,
            precedence=precedence,
            threshold=threshold,
            tags=tags,
        )
        for threshold in (THRESHOLD - DOUBT, THRESHOLD + DOUBT)
    )
    return np.where(low == high, high, np.uint8(IGNORED))


def label_agreement(labels: NDArray[np.uint8], reference: NDArray[np.uint8], classes: int) -> float:
    """Measure how well labels fit reference labels: Dice, mean over the classes that are there.

    Parameters
    ----------
    labels, reference : ndarray
        Label images of one shape; what is ignored in the first is left out.
    classes : int
        Their number.

    Returns
    -------
    float
        0..1; 1 where both are empty.
    """
    known = labels != IGNORED
    found, truth = labels[known], reference[known]
    values = []
    for label in range(1, classes + 1):
        one, other = found == label, truth == label
        size = int(one.sum()) + int(other.sum())
        if size:
            values.append(2 * int((one & other).sum()) / size)
    return float(np.mean(values)) if values else 1.0


def label_scan(
    study: Study, teacher: TrainedModel, scan: str
) -> Generator[Progress, None, NDArray[np.uint8]]:
    """Label a scan of a study with a model; the labels are the generator's return value.

    Parameters
    ----------
    study : Study
        Of the scan.
    teacher : TrainedModel
        The model.
    scan : str
        Name of the scan.

    Yields
    ------
    Progress
        After every batch.
    """
    prediction = yield from predict(teacher, study.scan(scan))
    precedence = study_precedence(study, teacher.info)
    return pseudo_labels(prediction, precedence, study.tags(scan).values)
