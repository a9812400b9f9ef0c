"""Labels for the second stage: masks that the first one makes of the scans trained on."""

import zipfile
from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.base.reading import refuse_devices
from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Progress, predict
from napari_mcwss.segmentation.segment import mask_of
from napari_mcwss.study.study import Study

GOOD_ENOUGH = 0.5
"""Agreement with given masks from which labels are good enough to learn from, too."""


def label_agreement(labels: NDArray[np.uint8], reference: NDArray[np.uint8], classes: int) -> float:
    """Return the mean Dice overlap of two label images over their classes; 1 if both are empty."""
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

    A class has no pixel on slices that are tagged absent. Leaving out pixels near the threshold
    made the second stage worse.
    """
    prediction = yield from predict(teacher, study.scan(scan), batch_size=batch_size)
    return mask_of(study, teacher.info, prediction, MaskSettings(tags=study.tags.read(scan).values))


def write_labels(path: Path, labels: NDArray[np.uint8]) -> None:
    """Write a label image atomically; raise a `McwssError` if that fails.

    Its folder and the one above, that of the training, are made if they are missing.
    """
    try:
        path.parent.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    with replacing(path) as temporary:
        np.savez_compressed(temporary, labels=labels)


def read_labels(path: Path) -> NDArray[np.uint8] | None:
    """Read a label image of `write_labels`; return None if it is missing or damaged."""
    try:
        refuse_devices(path)
        with np.load(path) as arrays:
            labels: NDArray[np.uint8] = arrays["labels"]
            return labels
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, McwssError):
        return None
