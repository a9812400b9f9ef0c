"""Masks against reference masks, in three dimensions and in millimetres.

Measuring is the only place of the project where a reference mask is looked
at; training and segmentation know tags alone.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.measurement.baselines import LocationPrior
from napari_mcwss.measurement.surfaces import FloatTriple, surface_distances

if TYPE_CHECKING:
    from torch import Tensor

EMPTY_MASK_POLICY = (
    "Empty masks: where mask and reference are both empty, Dice, sensitivity and precision are 1 "
    "and distances are 0 mm; where one of them is empty, Dice is 0, distances are undefined, and "
    "so is the ratio with nothing to divide by (sensitivity without a reference, precision without "
    "a mask). "
    "Undefined values are left out of the means; a mean over fewer scans says over how many."
)


@dataclass(frozen=True)
class Measurement:
    """How one mask agrees with its reference; NaN stands for undefined.

    Attributes
    ----------
    dice, sensitivity, precision : float
        In 0..1.
    hd95_mm : float
        95th percentile of the Hausdorff distance, the larger of both
        directions, in mm.
    surface_mm : float
        Average symmetric surface distance: the mean over the surface voxels of
        both, in mm.
    volume_ml, reference_ml : float
        Volumes of the mask and of the reference in mL.
    """

    dice: float
    hd95_mm: float
    surface_mm: float
    sensitivity: float
    precision: float
    volume_ml: float
    reference_ml: float

    def to_json(self) -> dict[str, float | None]:
        """Return the values by name, None for undefined ones."""
        return {name: _defined(getattr(self, name)) for name in MEASURES}


MEASURES = tuple(field.name for field in fields(Measurement))


@dataclass(frozen=True, eq=False)
class MeasuredScan:
    """One scan to be measured.

    Attributes
    ----------
    scan : str
        Name of the scan.
    mask : NDArray, shape (z, y, x)
        Exclusive label image: 0 background, k + 1 for class k.
    references : NDArray of bool, shape (K, z, y, x)
        One reference mask a class; they may overlap. See `class_masks`.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    """

    scan: str
    mask: NDArray[np.integer]
    references: NDArray[np.bool_]
    spacing: FloatTriple


@dataclass(frozen=True)
class Evaluation:
    """The measurements of all scans, and what trivial masks would score.

    Attributes
    ----------
    classes : tuple of str
        Classes, then unions.
    scans : Mapping
        Measurement by scan and class.
    baselines : Mapping
        Mean Dice over the same scans, by baseline and class.
    """

    classes: tuple[str, ...]
    scans: Mapping[str, Mapping[str, Measurement]]
    baselines: Mapping[str, Mapping[str, float]]

    def mean(self, name: str) -> Measurement:
        """Return the mean over scans of one class, undefined values left out."""
        values = (self._defined(name, measure) for measure in MEASURES)
        return Measurement(*(fmean(v) if v else math.nan for v in values))

    def count(self, name: str, measure: str) -> int:
        """Return over how many scans the mean of one measure is taken."""
        return len(self._defined(name, measure))

    def _defined(self, name: str, measure: str) -> list[float]:
        values = (getattr(measurements[name], measure) for measurements in self.scans.values())
        return [value for value in values if not math.isnan(value)]

    def to_json(self) -> dict[str, object]:
        """Return what `--json` writes: plain dictionaries, None for undefined."""
        return {
            "scans": {
                scan: {name: m.to_json() for name, m in measurements.items()}
                for scan, measurements in self.scans.items()
            },
            "mean": {name: self.mean(name).to_json() for name in self.classes},
            "baselines": {
                baseline: {name: {"dice": dice} for name, dice in scores.items()}
                for baseline, scores in self.baselines.items()
            },
        }


def class_masks(
    raw: NDArray[np.integer], mapping: Mapping[str, Sequence[int]], classes: Sequence[str]
) -> NDArray[np.bool_]:
    """Split a raw mask into one boolean mask a class.

    Parameters
    ----------
    raw : NDArray, shape (z, y, x)
        Mask as stored, with the values of its own convention.
    mapping : Mapping
        Mask values by class, such as ``{"TC": (1, 4), "ED": (2,)}``. Classes
        may share values.
    classes : sequence of str
        Order of the result.

    Returns
    -------
    NDArray of bool, shape (K, z, y, x)

    Raises
    ------
    McwssError
        If a class has no values, or the mapping names an unknown class.

    Examples
    --------
    >>> raw = np.array([[[0, 1, 2, 4]]])
    >>> class_masks(raw, {"TC": (1, 4), "ED": (2,)}, ["TC", "ED"]).astype(int)
    array([[[[0, 1, 0, 1]]],
    <BLANKLINE>
           [[[0, 0, 1, 0]]]])
    """
    if set(mapping) != set(classes):
        raise McwssError(
            f"mask values are given for {_listed(mapping)}, but the classes are "
            f"{_listed(classes)}: give each class its values, such as TC=1,4"
        )
    return np.stack([np.isin(raw, list(mapping[name])) for name in classes])


def measure(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], spacing: FloatTriple
) -> Measurement:
    """Compare one mask with its reference.

    Parameters
    ----------
    mask, reference : NDArray of bool, shape (z, y, x)
    spacing : tuple of float
        Voxel size (z, y, x) in mm.

    Returns
    -------
    Measurement
        Empty masks are treated as `EMPTY_MASK_POLICY` says.
    """
    # Voxels outside the joint box change no measure, and distances are many
    # times faster without them.
    box = _joint_box(mask, reference)
    mask, reference = mask[box], reference[box]
    millilitres = math.prod(spacing) / 1000
    dice, sensitivity, precision = _overlap(mask, reference)
    distances = surface_distances(mask, reference, spacing)
    return Measurement(
        dice=dice,
        hd95_mm=distances.hausdorff(95),
        surface_mm=distances.mean(),
        sensitivity=sensitivity,
        precision=precision,
        volume_ml=int(np.count_nonzero(mask)) * millilitres,
        reference_ml=int(np.count_nonzero(reference)) * millilitres,
    )


def evaluate(
    cases: Iterable[MeasuredScan],
    classes: Sequence[str],
    *,
    unions: Mapping[str, Sequence[str]],
    prior: LocationPrior | None = None,
) -> Evaluation:
    """Measure the masks of several scans, and the baselines on the same scans.

    Parameters
    ----------
    cases : iterable of MeasuredScan
        Taken one at a time, so that a generator keeps one scan in memory.
    classes : sequence of str
        Class k is the value k + 1 of the masks.
    unions : Mapping
        Further masks to measure: name, and the classes that it joins.
    prior : LocationPrior, optional
        Brings the baseline ``location_prior``.

    Returns
    -------
    Evaluation

    Raises
    ------
    McwssError
        If there is no case, if a mask and its reference differ in shape, or if
        a union is not one of known classes under a new name.
    """
    members = _members(classes, unions)
    scans: dict[str, dict[str, Measurement]] = {}
    dice: dict[str, dict[str, list[float]]] = {}
    for case in cases:
        if case.references.shape != (len(classes), *case.mask.shape):
            raise McwssError(
                f"scan {case.scan}: the mask has shape {case.mask.shape} (z, y, x), its reference "
                f"{case.references.shape[1:]}; give reference masks that were drawn on this scan"
            )
        trivial = {"empty": np.zeros_like(case.mask)}
        if prior is not None:
            trivial["location_prior"] = prior.mask(case.references.shape[1:])
        measurements = scans.setdefault(case.scan, {})
        for name, indices in members.items():
            reference = np.logical_or.reduce(case.references[indices])
            measurements[name] = measure(_joined(case.mask, indices), reference, case.spacing)
            for baseline, labels in trivial.items():
                score, *_ = _overlap(_joined(labels, indices), reference)
                dice.setdefault(baseline, {}).setdefault(name, []).append(score)
    if not scans:
        raise McwssError("there is no scan to measure: name scans that have a reference mask")
    baselines = {
        baseline: {name: fmean(scores) for name, scores in by_name.items()}
        for baseline, by_name in dice.items()
    }
    return Evaluation(tuple(members), scans, baselines)


def write_measurements(path: Path, measurements: Mapping[str, Measurement]) -> None:
    """Write one scan's measurements as CSV, one row a class, undefined ones empty.

    Parameters
    ----------
    path : Path
        Replaced atomically.
    measurements : Mapping
        Measurement by class.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("class", *MEASURES))
        for name, measurement in measurements.items():
            writer.writerow((name, *measurement.to_json().values()))


def _members(classes: Sequence[str], unions: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Return what is measured: the indices of its classes by name."""
    members = {name: [k] for k, name in enumerate(classes)}
    for union, names in unions.items():
        unknown = [name for name in names if name not in classes]
        if unknown:
            raise McwssError(
                f"union {union} joins {_listed(unknown)}, but the classes are {_listed(classes)}: "
                "name classes, such as WT=TC,ED"
            )
        if union in classes:
            raise McwssError(f"union {union} has the name of a class: choose another name")
        members[union] = [classes.index(name) for name in names]
    return members


def _joined(labels: NDArray[np.integer], indices: Sequence[int]) -> NDArray[np.bool_]:
    """Return where an exclusive label image shows one of these classes."""
    return np.isin(labels, [k + 1 for k in indices])


def _joint_box(*masks: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the smallest box that holds all masks, empty where they are."""
    anywhere = np.logical_or.reduce(masks)
    axes = range(anywhere.ndim)
    box = []
    for axis in axes:
        found = np.flatnonzero(anywhere.any(axis=tuple(a for a in axes if a != axis)))
        box.append(slice(found[0], found[-1] + 1) if found.size else slice(0))
    return tuple(box)


def _overlap(mask: NDArray[np.bool_], reference: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return Dice, sensitivity and precision."""
    if not mask.any() and not reference.any():
        return 1.0, 1.0, 1.0
    from monai.metrics.confusion_matrix import compute_confusion_matrix_metric, get_confusion_matrix

    counts = get_confusion_matrix(*_tensors(mask, reference))
    dice, sensitivity, precision = (
        # MONAI, too, gives NaN where there is nothing to divide by.
        float(compute_confusion_matrix_metric(name, counts))
        for name in ("f1 score", "sensitivity", "precision")
    )
    return dice, sensitivity, precision


def _tensors(*masks: NDArray[np.bool_]) -> "list[Tensor]":
    """Return masks as MONAI takes them: ``(batch, channel, z, y, x)``, each 1."""
    import torch

    return [torch.from_numpy(mask.astype(np.uint8))[None, None] for mask in masks]


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
