"""One scan of a study, from its voxels to the masks on disk."""

from collections.abc import Generator
from pathlib import Path

from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.project import Study
from napari_mcwss.segmentation.exclusive import GATE, exclusive_mask, precedence_of
from napari_mcwss.segmentation.predict import Progress, predict
from napari_mcwss.segmentation.results import save_result


def segment_scan(
    study: Study,
    name: str,
    model: TrainedModel,
    scan: str,
    *,
    use_tags: bool = True,
    gate: float | None = GATE,
) -> Generator[Progress, None, Path]:
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
    use_tags : bool
        Whether the scan's own known tags override the classifier's gate.
    gate : float or None
        As in `exclusive_mask`.

    Yields
    ------
    Progress
        After every batch; the return value is the folder of the results.

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
        precedence=precedence_of(model.precedence, [spec.priority for spec in study.classes]),
        gate=gate,
        tags=study.tags(scan).values if use_tags else None,
    )
    return save_result(study, name, prediction, mask, source.geometry)
