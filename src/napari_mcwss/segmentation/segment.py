"""One scan of a study, from its voxels to the masks on disk."""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel
from napari_mcwss.scans.scan import Scan
from napari_mcwss.segmentation.masks.exclusive import precedence_of
from napari_mcwss.segmentation.masks.settings import MaskSettings, make_masks
from napari_mcwss.segmentation.prediction.predict import Prediction, Progress, predict
from napari_mcwss.segmentation.results import load_result, no_result, save_mask, save_result
from napari_mcwss.study.study import Study


def study_precedence(study: Study, info: ModelInfo) -> NDArray[np.bool_]:
    """Join the precedence in a model's tags with the priorities of the study's classes.

    Returns
    -------
    ndarray
        Bool ``(classes, classes)``, as `exclusive_mask` takes it.
    """
    from_tags = np.array(info.precedence, bool)
    return precedence_of(from_tags, [spec.priority for spec in study.classes])


def mask_of(
    study: Study, info: ModelInfo, prediction: Prediction, rules: MaskSettings | None = None
) -> NDArray[np.uint8]:
    """Make the mask of a prediction, by the default rules if none are given.

    Parameters
    ----------
    study : Study
        Of the scan.
    info : ModelInfo
        Of the model that predicted it.
    prediction : Prediction
        Of the whole scan.
    rules : MaskSettings, optional
        How the mask is made.

    Returns
    -------
    ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 the class k.
    """
    precedence = study_precedence(study, info)
    return scan_mask(study.scan(prediction.scan), precedence, prediction, rules or MaskSettings())


def scan_mask(
    scan: Scan, precedence: NDArray[np.bool_], prediction: Prediction, rules: MaskSettings
) -> NDArray[np.uint8]:
    """Make the mask of a scan, of a study or not; parameters as in `make_masks`."""
    return make_masks(
        prediction.cams,
        prediction.scores,
        precedence,
        rules,
        scan.geometry.spacing,
        scan.volume,
        prediction.classes,
    )[-1]


def segment_scan(
    study: Study,
    name: str,
    model: TrainedModel,
    scan: str,
    rules: MaskSettings | None = None,
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
    rules : MaskSettings, optional
        How the mask is made; the default ones if not given.

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
    rules = rules or MaskSettings()
    mask = mask_of(study, model.info, prediction, rules)
    save_result(study, name, model.info.run, prediction, mask, rules, source.geometry)
    return prediction


def remake_mask(study: Study, name: str, info: ModelInfo, scan: str, rules: MaskSettings) -> None:
    """Make the mask of a stored result by other rules, and write it.

    Parameters
    ----------
    study : Study
        Of the scan.
    name, info
        Of the model.
    scan : str
        Name of the scan.
    rules : MaskSettings
        How the mask is made.

    Raises
    ------
    McwssError
        If the scan was not segmented by this model, or a file cannot be read or written.
    """
    prediction = load_result(study, name, scan)
    if prediction is None:
        raise no_result(name, scan)
    mask = mask_of(study, info, prediction, rules)
    save_mask(study, name, scan, mask, rules, study.scan(scan).geometry)
