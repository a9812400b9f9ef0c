"""Reference masks of a study's scans, and a model measured against them."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_text
from napari_mcwss.measurement.baselines import LocationPrior
from napari_mcwss.measurement.measure import (
    Evaluation,
    MeasuredScan,
    class_masks,
    evaluate,
    write_measurements,
)
from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.scans.finding import find_masks
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.segmentation.results import has_result, has_used_tags, load_mask
from napari_mcwss.study.study import Study
from napari_mcwss.tags.mask_values import MaskValues


def read_references(
    study: Study, masks: str, mapping: Mapping[str, Sequence[int]], scans: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Read reference masks, one scan at a time.

    Parameters
    ----------
    study : Study
        Of the scans.
    masks : str
        A folder of masks, or the masks' name beside the scans, as in `find_masks`.
    mapping : mapping
        Class name to its values in the masks.
    scans : sequence of str
        Scans to read.

    Yields
    ------
    tuple
        The scan's name and its masks, bool ``(classes, z, y, x)``.

    Raises
    ------
    McwssError
        If a mask is missing, unreadable or of another shape than its scan, or
        the mapping does not name every class; and after the last one, if it
        does not fit the masks of the study, as in `MaskValues.check`.
    """
    values = MaskValues(mapping)
    files = find_masks(masks, _files(study), only=scans)
    for scan, path in files.items():
        mask = read_mask(path, study.scan(scan).geometry)
        values.note(mask)
        yield scan, class_masks(mask, mapping, study.class_names)
    # A class that these scans just do not have is in the masks of others.
    others = [scan for scan in study.scan_names if scan not in scans]
    for scan in scans_with_mask(study, masks, others) if values.missed else ():
        values.note(read_mask(find_masks(masks, _files(study), only=[scan])[scan]))
        if not values.missed:
            break
    values.check()


def scans_with_mask(study: Study, masks: str, scans: Sequence[str]) -> list[str]:
    """Give those of the scans that have a mask; arguments as in `read_references`."""
    files, found = _files(study), []
    for scan in scans:
        try:
            find_masks(masks, files, only=[scan])
        except McwssError:
            continue
        found.append(scan)
    return found


def read_labels(
    study: Study, masks: str, mapping: Mapping[str, Sequence[int]], scans: Sequence[str]
) -> dict[str, NDArray[np.uint8]]:
    """Read masks as label images, uint8 ``(z, y, x)``: 0 background, k + 1 class k.

    Where classes share a value, the smaller one of the scan has its voxels.

    Parameters, errors
        As in `read_references`.
    """
    labels = {}
    for scan, references in read_references(study, masks, mapping, scans):
        image = np.zeros(references.shape[1:], np.uint8)
        # Classes may share values: one that lies in another is the smaller, and goes on top.
        for index in np.argsort(-np.count_nonzero(references, axis=(1, 2, 3)), kind="stable"):
            image[references[index]] = index + 1
        labels[scan] = image
    return labels


def evaluate_model(
    study: Study,
    model: str,
    masks: str,
    mapping: Mapping[str, Sequence[int]],
    unions: Mapping[str, Sequence[str]],
    scans: Sequence[str] | None = None,
) -> Evaluation:
    """Measure a model's masks, and write each scan's ``measurements.csv``.

    The location prior is made from the masks of the scans that the model was
    trained on, as far as they have masks and are not measured themselves.

    Parameters
    ----------
    study, masks, mapping
        As in `read_references`.
    model : str
        Name of the model.
    unions : mapping
        Name of a union to the classes it joins.
    scans : sequence of str, optional
        Segmented scans to measure; if not given, all segmented ones that have
        a mask and that the model was not trained on.

    Raises
    ------
    McwssError
        If there is nothing to measure or something does not fit; no
        ``measurements.csv`` is written then.

    Warns
    -----
    UserWarning
        Of segmented scans that are left out, and why; and of those in whose
        masks their own tags have had a say.
    """
    info = read_info(study.model_folder(model))
    if scans is None:
        scans = _unseen(study, model, masks, info.scans)
    learnt = [scan for scan in info.scans if scan not in scans and scan in study.scan_names]
    prior = _prior(study, masks, mapping, learnt)
    cases = (
        MeasuredScan(
            scan, load_mask(study, model, scan), references, study.scan(scan).geometry.spacing
        )
        for scan, references in read_references(study, masks, mapping, scans)
    )
    evaluation = evaluate(cases, study.class_names, unions=unions, prior=prior)
    helped = [scan for scan in evaluation.scans if has_used_tags(study, model, scan)]
    if helped:
        warnings.warn(
            f"segmented with the help of their own tags: {names_text(helped)}; segment with "
            "--ignore-tags to measure the model alone",
            stacklevel=2,
        )
    for scan, measurements in evaluation.scans.items():
        write_measurements(_table(study, model, scan), measurements)
    return evaluation


def _unseen(study: Study, model: str, masks: str, learnt: Sequence[str]) -> list[str]:
    """Choose the segmented scans that tell how good a model is on others; say what is left out."""
    segmented = [scan for scan in study.scan_names if has_result(study, model, scan)]
    if not segmented:
        raise McwssError(
            f"there is no scan to measure: model {model} has segmented none: segment some first"
        )
    others = [scan for scan in segmented if scan not in learnt]
    if not others:
        raise McwssError(
            f"there is no scan to measure: model {model} was trained on all that it has segmented "
            f"({names_text(segmented)}): segment others, or name these with --scans to measure "
            "how well it fits them"
        )
    measured = scans_with_mask(study, masks, others)
    if not measured:
        find_masks(masks, _files(study), only=others)  # says why
    if len(others) < len(segmented):
        seen = names_text([scan for scan in segmented if scan in learnt])
        warnings.warn(
            f"left out, since the model was trained on them: {seen}; name them with --scans to "
            "measure them, too",
            stacklevel=3,
        )
    if len(measured) < len(others):
        without = names_text([scan for scan in others if scan not in measured])
        warnings.warn(f"left out, since they have no mask: {without}", stacklevel=3)
    return measured


def _prior(
    study: Study, masks: str, mapping: Mapping[str, Sequence[int]], scans: Sequence[str]
) -> LocationPrior | None:
    """Make the prior of the scans that have a mask; those tagged by hand need none."""
    with_mask = scans_with_mask(study, masks, scans)
    if not with_mask:
        return None
    found = read_references(study, masks, mapping, with_mask)
    return LocationPrior(references for _, references in found)


def _files(study: Study) -> dict[str, Path]:
    """Give a file of every scan: masks are found among those of all."""
    return {scan: study.files(scan)[0] for scan in study.scan_names}


def _table(study: Study, model: str, scan: str) -> Path:
    return study.result_folder(model, scan) / "measurements.csv"
