"""Predictions and masks on disk, in the scan's source geometry."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.reading import read_mask, read_scan
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.study.study import Study

MASK = "mask.nii.gz"
SCORES = "scores.csv"
RECORD = "result.json"


def save_result(
    study: Study,
    model: str,
    run: str,
    prediction: Prediction,
    mask: NDArray[np.uint8],
    rules: MaskSettings,
    geometry: Geometry,
) -> Path:
    """Write mask, CAMs and scores of one scan.

    Parameters
    ----------
    study : Study
        Where to.
    model, run : str
        Name of the model, and which training made it.
    prediction : Prediction
        Of the scan.
    mask : ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 class k.
    rules : MaskSettings
        How the mask was made.
    geometry : Geometry
        Of the scan.

    Returns
    -------
    Path
        The folder with ``mask.nii.gz``, ``cam_<class>.nii.gz`` in 0..1 (steps
        of 1/255), ``scores.csv``, and the rules in ``result.json``.

    Raises
    ------
    McwssError
        If a file cannot be written.
    """
    folder = study.result_folder(model, prediction.scan)
    for name, cam in zip(prediction.classes, prediction.cams, strict=True):
        write_volume(cam_path(folder, name), cam, geometry, dtype=np.uint8, scale=1 / 255)
    with replacing(folder / SCORES) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["slice", *prediction.classes])
        writer.writerows(
            [index, *(f"{score:.4f}" for score in row)]
            for index, row in enumerate(prediction.scores)
        )
    write_volume(folder / MASK, mask, geometry, dtype=np.uint8)
    # This comes last: where it names the model's training, all is of it.
    _write_record(folder, {"run": run, **rules.record()})
    return folder


def save_mask(
    study: Study,
    model: str,
    scan: str,
    mask: NDArray[np.uint8],
    rules: MaskSettings,
    geometry: Geometry,
) -> None:
    """Write the mask of a stored result anew, and by which rules it was made.

    Parameters
    ----------
    study, model, scan
        Of the result.
    mask, rules, geometry
        As in `save_result`.

    Raises
    ------
    McwssError
        If the scan was not segmented by this model, or a file cannot be written.
    """
    if not has_result(study, model, scan):
        raise no_result(model, scan)
    folder = study.result_folder(model, scan)
    run = _read_record(folder)["run"]
    # Until the mask is there, no rules are known: they would be those of another one.
    _write_record(folder, {"run": run})
    write_volume(folder / MASK, mask, geometry, dtype=np.uint8)
    _write_record(folder, {"run": run, **rules.record()})


def stored_settings(study: Study, model: str, scan: str) -> dict[str, Any]:
    """Give the record of the rules by which a stored mask was made, as `MaskSettings.record` does.

    It is empty where they are not known, as for masks of older versions, or where there is none.
    """
    record = _read_record(study.result_folder(model, scan))
    record.pop("run", None)
    return record


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    with replacing(folder / RECORD) as path:
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def no_result(model: str, scan: str) -> McwssError:
    """Give the error that says that a scan is to be segmented first."""
    return McwssError(f"scan {scan} has no mask of model {model} as it is now: segment it first")


def has_result(study: Study, model: str, scan: str) -> bool:
    """Tell whether a scan was segmented by this model, and not by an older one of its name.

    Raises
    ------
    McwssError
        If there is no such model.
    """
    run = read_info(study.model_folder(model)).run
    return _read_record(study.result_folder(model, scan)).get("run") == run


def has_used_tags(study: Study, model: str, scan: str) -> bool:
    """Tell whether tags of a segmented scan have had a say in its mask."""
    return bool(_read_record(study.result_folder(model, scan)).get("tags"))


def load_mask(study: Study, model: str, scan: str) -> NDArray[np.int32]:
    """Read a scan's mask: int32 ``(z, y, x)``.

    Raises
    ------
    McwssError
        If the scan was not segmented by this model, or the file is damaged.
    """
    if not has_result(study, model, scan):
        raise no_result(model, scan)
    return read_mask(study.result_folder(model, scan) / MASK, study.scan(scan).geometry)


def load_result(study: Study, model: str, scan: str) -> Prediction | None:
    """Read a scan's prediction, None if it was not segmented by this model.

    Raises
    ------
    McwssError
        If a file is missing or damaged.
    """
    if not has_result(study, model, scan):
        return None
    folder = study.result_folder(model, scan)
    names = study.class_names
    cams = read_scan(scan, names, [cam_path(folder, name) for name in names]).volume()
    return Prediction(scan, names, load_scores(study, model, scan), cams)


def load_scores(study: Study, model: str, scan: str) -> NDArray[np.float32]:
    """Read the scores of a segmented scan, float32 ``(slices, classes)`` in 0..1.

    Raises
    ------
    McwssError
        If their file is missing or damaged.
    """
    path = study.result_folder(model, scan) / SCORES
    try:
        table = np.loadtxt(path, np.float32, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        raise McwssError(f"{path} cannot be read ({error}): segment scan {scan} again") from error
    return table[:, 1:]


def cam_path(folder: Path, class_name: str) -> Path:
    """Give the file of a class's CAM in a folder of results."""
    return folder / f"cam_{class_name}.nii.gz"
