"""Predictions and masks on disk, in the scan's source geometry."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.base.json_text import parse_json
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.base.text import names_text, size_text
from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.reading import read_mask, read_scan
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.masks.settings import THRESHOLDS, VOLUMES, MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.study_classes import (
    in_study_order,
    labels_of_study,
    unknown_classes,
)
from napari_mcwss.study.links import refuse_links_out_of
from napari_mcwss.study.models import check_model
from napari_mcwss.study.study import Study

MASK = "mask.nii.gz"
SCORES = "scores.csv"
RECORD = "result.json"

EXACT = "exact_cams"
CAMS = "cams"
"""Entry of the record: the classes of which there are CAMs, by the names of their files."""

LABELS = "classes"
"""Entry of the record: the classes of the mask in the order of its labels, by the names then."""

_OF_CAMS = ("run", EXACT, CAMS)


def save_result(
    study: Study,
    model: str,
    run: str,
    prediction: Prediction,
    mask: NDArray[np.uint8],
    settings: MaskSettings,
    geometry: Geometry,
) -> Path:
    """Write mask, CAMs and scores of one scan.

    Parameters
    ----------
    study : Study
        The study to write to.
    model, run : str
        Name of the model, and of the training that made it.
    prediction : Prediction
        CAMs and scores of the scan, as `predict` makes them.
    mask : (z, y, x) array of uint8
        0 background, k + 1 class k.
    settings : MaskSettings
        How the mask was made.
    geometry : Geometry
        The scan's grid.

    Returns
    -------
    Path
        The folder with ``mask.nii.gz``, ``cam_<class>.nii.gz`` in 0..1 (in steps of 1/255),
        ``scores.csv``, and the settings in ``result.json``.

    Raises
    ------
    McwssError
        If a file cannot be written.
    """
    folder = study.result_folder(model, prediction.scan)
    study.make_folder(folder)
    before = (folder / RECORD).exists() and _recorded_classes(study, model, folder, LABELS)
    if before and before != prediction.classes:
        # Should the new mask not get a record, it must not be read by the older one.
        _remove(folder / RECORD)
    found = dict(zip(prediction.classes, prediction.cams, strict=True))
    known = [name for name in found if name not in prediction.unknown]
    for name in known:
        write_volume(cam_path(folder, name), found[name], geometry, dtype=np.uint8, scale=1 / 255)
    with replacing(folder / SCORES) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["slice", *known])
        writer.writerows(
            # Nine digits are all of a float32: a rounded score could pass the gate.
            [index, *(f"{score:.9g}" for score in row)]
            for index, row in enumerate(prediction.scores[:, [name in known for name in found]])
        )
    write_volume(folder / MASK, mask, geometry, dtype=np.uint8)
    # The record comes last: it says that all files are of this training.
    of_cams = {"run": run, EXACT: True, CAMS: known}
    _write_record(folder, of_cams | {LABELS: prediction.classes} | settings.record())
    return folder


def save_mask(
    study: Study,
    model: str,
    scan: str,
    mask: NDArray[np.uint8],
    settings: MaskSettings,
    geometry: Geometry,
) -> None:
    """Replace the mask of a stored result, with parameters as of `save_result`.

    Raises
    ------
    McwssError
        If the scan was not segmented by this model, or a file cannot be written.
    """
    if not has_result(study, model, scan):
        raise no_result(model, scan)
    folder = study.result_folder(model, scan)
    study.check_inside(folder)
    record = _read_record(folder)
    kept = {key: record[key] for key in _OF_CAMS if key in record}
    labels = {LABELS: study.class_names}
    if _recorded_classes(study, model, folder, LABELS) != study.class_names:
        # Labels of the older mask are other classes.
        _remove(folder / MASK)
    # A record without settings, in case the write of the mask fails.
    _write_record(folder, kept | labels)
    write_volume(folder / MASK, mask, geometry, dtype=np.uint8)
    _write_record(folder, kept | labels | settings.record())


def stored_settings(study: Study, model: str, scan: str) -> dict[str, Any]:
    """Return the settings of a stored mask as `MaskSettings.record` does, empty if unknown."""
    record = _read_record(study.result_folder(model, scan))
    settings = {key: value for key, value in record.items() if key not in (*_OF_CAMS, LABELS)}
    if not _are_settings(settings) or _lacks_a_class(study, record):
        return {}
    for entry in (VOLUMES, THRESHOLDS):
        if entry in settings:
            now = {study.known_classes.current(k): found for k, found in settings[entry].items()}
            settings[entry] = {k: found for k, found in now.items() if k in study.class_names}
    return settings


def _lacks_a_class(study: Study, record: dict[str, Any]) -> bool:
    """Tell whether a mask was made while a class was removed that is there again."""
    names = study.known_classes
    cams, labels = ({*names.all_current(_names(record, entry))} for entry in (CAMS, LABELS))
    return bool(labels) and not cams & {*names.shown} <= labels


def _are_settings(record: dict[str, Any]) -> bool:
    """Tell whether the values of a record are of the kinds that `MaskSettings.record` writes."""
    threshold, gate, own = record.get("threshold"), record.get("gate"), record.get(THRESHOLDS, {})
    return (
        _is_ratio(threshold)
        and (gate is None or _is_ratio(gate))
        and isinstance(record.get("tags"), bool)
        and isinstance(record.get("steps"), str)
        and isinstance(record.get(VOLUMES, {}), dict)
        and isinstance(own, dict)
        and all(map(_is_ratio, own.values()))
    )


def _is_ratio(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1


def has_exact_cams(study: Study, model: str, scan: str) -> bool:
    """Tell whether the stored CAMs are those that the first mask was made of.

    Older versions rounded CAMs only as they stored them: masks that are made of these CAMs can be
    smaller than the mask that was stored with them.
    """
    return _read_record(study.result_folder(model, scan)).get(EXACT) is True


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    with replacing(folder / RECORD) as path:
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        record = parse_json(file_bytes(folder / RECORD))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def no_result(model: str, scan: str) -> McwssError:
    """Return the error to raise for a scan that this model has not segmented."""
    return McwssError(
        f"scan {scan} has no mask of model {model}, or only one that an older model of this name "
        "has made: segment it first"
    )


def has_result(study: Study, model: str, scan: str) -> bool:
    """Tell whether a scan was segmented by this model, and not by an older one of its name.

    Raises
    ------
    McwssError
        If the model does not exist.
    """
    run = read_info(study.model_folder(model)).run
    return _read_record(study.result_folder(model, scan)).get("run") == run


def has_used_tags(study: Study, model: str, scan: str) -> bool:
    """Tell whether tags were used for the stored mask of a scan."""
    return bool(_read_record(study.result_folder(model, scan)).get("tags"))


def load_mask(study: Study, model: str, scan: str) -> NDArray[np.int32]:
    """Read the stored mask of a scan, int32 ``(z, y, x)``.

    Raises
    ------
    McwssError
        If the scan was not segmented by this model, or the file is damaged.
    """
    if not has_result(study, model, scan):
        raise no_result(model, scan)
    folder = _folder_to_read(study, model, scan)
    if not (folder / MASK).exists():
        raise McwssError(
            f"the mask of scan {scan} by model {model} is missing: make it anew, or segment the "
            "scan again"
        )
    mask = read_mask(folder / MASK, study.scan(scan).geometry)
    return labels_of_study(study, mask, _recorded_classes(study, model, folder, LABELS))


def _folder_to_read(study: Study, model: str, scan: str) -> Path:
    """Return the folder of a scan's result, in which no link may lead out of the study."""
    folder = study.result_folder(model, scan)
    refuse_links_out_of(study.folder, folder)
    return folder


def _recorded_classes(study: Study, model: str, folder: Path, entry: str) -> tuple[str, ...]:
    """Return names of classes in a record; older ones have none, and all classes of the model."""
    return _names(_read_record(folder), entry) or read_info(study.model_folder(model)).classes


def _names(record: dict[str, Any], entry: str) -> tuple[str, ...]:
    """Return names of classes in a record, none if there is no such entry."""
    found = record.get(entry)
    known = isinstance(found, list) and all(isinstance(name, str) for name in found)
    return tuple(found) if known else ()  # type: ignore[arg-type]


def load_result(study: Study, model: str, scan: str) -> Prediction | None:
    """Read the stored prediction of a scan; None if this model has not segmented it.

    Raises
    ------
    McwssError
        If a file is missing or damaged, or the model finds none of the study's classes.
    """
    if not has_result(study, model, scan):
        return None
    check_model(study, read_info(study.model_folder(model)))
    folder = _folder_to_read(study, model, scan)
    known = _recorded_classes(study, model, folder, CAMS)
    paths = {study.known_classes.current(name): cam_path(folder, name) for name in known}
    names = tuple(name for name in study.class_names if name in paths)
    if not names:
        raise McwssError(
            f"'{folder / RECORD}' names the classes {names_text(known)}, of which the study has "
            f"none: segment scan {scan} again"
        )
    cams = read_scan(scan, names, [paths[name] for name in names]).volume()
    return Prediction(
        scan,
        study.class_names,
        load_scores(study, model, scan),
        in_study_order(study, cams, names),
        unknown_classes(study, known),
    )


def load_scores(study: Study, model: str, scan: str) -> NDArray[np.float32]:
    """Read the scores of a segmented scan, float32 ``(slices, classes)`` in 0..1.

    Classes that the model does not know have NaN.

    Raises
    ------
    McwssError
        If their file is missing or damaged.
    """
    folder = _folder_to_read(study, model, scan)
    path, known = folder / SCORES, _recorded_classes(study, model, folder, CAMS)
    try:
        file = io.StringIO(file_bytes(path).decode())
        classes = next(csv.reader(file), [])[1:]
        table = np.loadtxt(file, np.float32, delimiter=",", ndmin=2)
    except (OSError, ValueError, csv.Error) as error:
        raise McwssError(f"{path} cannot be read ({error}): segment scan {scan} again") from error
    scores = table[:, 1:]
    expected = study.slices(scan), len(known)
    names = study.known_classes
    same = {*names.all_current(classes)} == {*names.all_current(known)}
    if not same or scores.shape != expected or not ((scores >= 0) & (scores <= 1)).all():
        raise McwssError(
            f"{path} has {size_text(scores.shape)} scores: expected {size_text(expected)} (slices, "
            f"classes) from 0 to 1: segment scan {scan} again"
        )
    return in_study_order(study, scores, classes, axis=1, missing=np.nan)


def cam_path(folder: Path, class_name: str) -> Path:
    """Return the file of a class's CAM in a folder of results."""
    return folder / f"cam_{class_name}.nii.gz"
