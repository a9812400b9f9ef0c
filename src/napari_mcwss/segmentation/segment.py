"""One scan of a study, from its voxels to the masks on disk."""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel
from napari_mcwss.model.preset import UNKNOWN
from napari_mcwss.project import Study
from napari_mcwss.segmentation.exclusive import GATE, THRESHOLD, exclusive_mask, precedence_of
from napari_mcwss.segmentation.predict import Prediction, Progress, predict
from napari_mcwss.segmentation.results import save_result


def study_precedence(study: Study, info: ModelInfo) -> NDArray[np.bool_]:
    """Join the precedence in a model's tags with the priorities of the study's classes.

    Returns
    -------
    ndarray
        Bool ``(classes, classes)``, as `exclusive_mask` takes it.
    """
    from_tags = np.array(info.precedence, bool)
    return precedence_of(from_tags, [spec.priority for spec in study.classes])


def segment_scan(
    study: Study,
    name: str,
    model: TrainedModel,
    scan: str,
    *,
    tags: NDArray[np.int8] | None = None,
    threshold: float = THRESHOLD,
    gate: float | None = GATE,
) -> Generator[Progress, None, Prediction]:
    """Predict a scan and write its CAMs, scores and exclusive mask.

    Parameters
    ----------
    study : Study
        Of the scan.
    name : str
        Of the model.
    model : TrainedModel
        The model itself.
    scan : str
        Name of the scan.
    tags, threshold, gate
        As in `exclusive_mask`.

    Yields
    ------
    Progress
        After every batch; the return value is the prediction.

    Raises
    ------
    McwssError
        If model and study do not fit, or a file cannot be read or written.
    """
    model.info.check(study.channels, study.class_names)
    source = study.scan(scan)
    prediction = yield from predict(model, source)
    mask = exclusive_mask(
        prediction.cams,
        prediction.scores,
        precedence=study_precedence(study, model.info),
        threshold=threshold,
        gate=gate,
        tags=tags,
    )
    tagged = tags is not None and bool((tags != UNKNOWN).any())
    save_result(study, name, model.info.run, prediction, mask, source.geometry, tagged=tagged)
    return prediction
