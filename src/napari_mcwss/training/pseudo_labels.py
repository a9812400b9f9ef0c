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
