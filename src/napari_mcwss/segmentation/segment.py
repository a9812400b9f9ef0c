"""One scan of a study, from its voxels to the masks on disk."""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel
from napari_mcwss.scans.scan import Scan
from napari_mcwss.segmentation.masks.exclusive import precedence_of
from napari_mcwss.segmentation.masks.make_masks import make_masks
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction, Progress, predict
from napari_mcwss.segmentation.results import load_result, no_result, save_mask, save_result
from napari_mcwss.segmentation.study_classes import in_study_order, unknown_classes
from napari_mcwss.study.models import check_model
from napari_mcwss.study.study import Study


def study_precedence(study: Study, info: ModelInfo) -> NDArray[np.bool_]:
    """Return the precedence of classes, from the study's priorities and the model's tags.

    Returns
    -------
    (classes, classes) array of bool
        As `exclusive_mask` takes it.
    """
    from_tags = np.array(info.precedence, bool)
    for axis in (0, 1):
        from_tags = in_study_order(study, from_tags, info.classes, axis=axis)
    return precedence_of(from_tags, [spec.priority for spec in study.classes])


def mask_of(
    study: Study, info: ModelInfo, prediction: Prediction, settings: MaskSettings | None = None
) -> NDArray[np.uint8]:
    """Make the mask of a scan's prediction.

    Parameters
    ----------
    study : Study
        The study with the scan.
    info : ModelInfo
        Description of the model.
    prediction : Prediction
        CAMs and scores of the whole scan.
    settings : MaskSettings, optional
        How the mask is made; by default `MaskSettings()`.

    Returns
    -------
    (z, y, x) array of uint8
        0 background, k + 1 class k.
    """
    precedence = study_precedence(study, info)
    return scan_mask(
        study.scan(prediction.scan), precedence, prediction, settings or MaskSettings()
    )


def scan_mask(
    scan: Scan, precedence: NDArray[np.bool_], prediction: Prediction, settings: MaskSettings
) -> NDArray[np.uint8]:
    """Make the mask of a scan, of a study or not; parameters as in `make_masks`."""
    return make_masks(
        prediction.cams,
        prediction.scores,
        precedence,
        settings,
        scan.geometry.spacing,
        scan.volume,
        prediction.classes,
    )[-1]


def segment_scan(
    study: Study,
    name: str,
    model: TrainedModel,
    scan: str,
    settings: MaskSettings | None = None,
) -> Generator[Progress, None, Prediction]:
    """Predict a scan and write its CAMs, scores and exclusive mask.

    Parameters
    ----------
    study : Study
        The study with the scan.
    name : str
        Name of the model.
    model : TrainedModel
        The model.
    scan : str
        Name of the scan.
    settings : MaskSettings, optional
        How the mask is made; by default `MaskSettings()`.

    Yields
    ------
    Progress
        After every batch.

    Returns
    -------
    Prediction
        CAMs and scores of the scan.

    Raises
    ------
    McwssError
        If the model does not fit the study, whose classes must not change meanwhile, or a file
        cannot be read or written.
    """
    check_model(study, model.info)
    source, classes = study.scan(scan), study.class_names
    prediction = _of_study(study, (yield from predict(model, source)))
    if study.class_names != classes:
        raise McwssError(
            f"scan {scan}: the classes of the study were changed meanwhile: segment it again"
        )
    settings = settings or MaskSettings()
    mask = mask_of(study, model.info, prediction, settings)
    save_result(study, name, model.info.run, prediction, mask, settings, source.geometry)
    return prediction


def _of_study(study: Study, found: Prediction) -> Prediction:
    """Arrange what a model found in the order of the study's classes."""
    return Prediction(
        found.scan,
        study.class_names,
        in_study_order(study, found.scores, found.classes, axis=1, missing=np.nan),
        in_study_order(study, found.cams, found.classes),
        unknown_classes(study, found.classes),
    )


def remake_mask(
    study: Study, name: str, info: ModelInfo, scan: str, settings: MaskSettings
) -> None:
    """Make the mask of a stored result by other settings, and write it.

    Parameters
    ----------
    study : Study
        Of the scan.
    name, info
        Of the model.
    scan : str
        Name of the scan.
    settings : MaskSettings
        How the mask is made.

    Raises
    ------
    McwssError
        If the scan was not segmented by this model, or a file cannot be read or written.
    """
    prediction = load_result(study, name, scan)
    if prediction is None:
        raise no_result(name, scan)
    mask = mask_of(study, info, prediction, settings)
    save_mask(study, name, scan, mask, settings, study.scan(scan).geometry)
