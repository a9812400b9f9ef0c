"""What a trained model makes of the scans that it was trained on: labels for the second stage."""

import zipfile
from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.files import replacing
from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Progress, predict
from napari_mcwss.segmentation.segment import mask_of
from napari_mcwss.study.study import Study

GOOD_ENOUGH = 0.5
"""Agreement with given masks from which labels are worth learning from beside them."""


def label_agreement(labels: NDArray[np.uint8], reference: NDArray[np.uint8], classes: int) -> float:
    """Measure how well labels fit reference labels: Dice, mean over the classes that are there.

    Parameters
    ----------
    labels, reference : ndarray
        Label images of one shape.
    classes : int
        Their number.

    Returns
    -------
    float
        0..1; 1 where both are empty.
    """
    values = []
    for label in range(1, classes + 1):
        one, other = labels == label, reference == label
        size = int(one.sum()) + int(other.sum())
        if size:
            values.append(2 * int((one & other).sum()) / size)
    return float(np.mean(values)) if values else 1.0


def label_scan(
    study: Study, teacher: TrainedModel, scan: str, *, batch_size: int = 16
) -> Generator[Progress, None, NDArray[np.uint8]]:
    """Label a scan of a study with a model; the labels are the generator's return value.

    Tags are hard constraints: a class is nowhere on a slice that it is absent
    from. Leaving out pixels near the threshold made the second stage worse.

    Parameters
    ----------
    study : Study
        Of the scan.
    teacher : TrainedModel
        The model.
    scan : str
        Name of the scan.
    batch_size : int
        Slices at a time.

    Yields
    ------
    Progress
        After every batch.
    """
    prediction = yield from predict(teacher, study.scan(scan), batch_size=batch_size)
    return mask_of(study, teacher.info, prediction, MaskSettings(tags=study.tags.read(scan).values))


def write_labels(path: Path, labels: NDArray[np.uint8]) -> None:
    """Write a label image atomically, for a training that is resumed.

    Raises
    ------
    McwssError
        If it cannot be written.
    """
    with replacing(path) as temporary:
        np.savez_compressed(temporary, labels=labels)


def read_labels(path: Path) -> NDArray[np.uint8] | None:
    """Read a label image that `write_labels` wrote; None if it is not there, or damaged."""
    try:
        with np.load(path) as arrays:
            labels: NDArray[np.uint8] = arrays["labels"]
            return labels
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
