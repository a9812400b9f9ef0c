"""Figures of one scan or picture, and of the pictures of a test set together."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import numpy as np
import torch
from accuracy_cohorts import Bench
from accuracy_methods import Found, Labels
from monai.metrics.meandice import compute_dice
from monai.metrics.rocauc import compute_roc_auc
from numpy.typing import NDArray

from napari_mcwss.measurement.measure import measure

Counts = Mapping[str, float | None]
"""Pixels of a class in a picture: ``overlap``, ``mask``, ``reference``; and its ``score``."""


def score(bench: Bench, scan: str, labels: Labels) -> dict[str, dict[str, float | None]]:
    """Measure a label image: each class and their union, in 3-D and slice by slice."""
    ((_, references),) = bench.references([scan])
    spacing = bench.study.scan(scan).geometry.spacing
    masks = _masks(bench, labels, references)
    return {
        name: {**measure(*pair, spacing).to_json(), **_slices(*pair)}
        for name, pair in masks.items()
    }


def count(bench: Bench, found: Found, references: NDArray[np.bool_]) -> dict[str, Counts]:
    """Count what is found in a picture, its tags unused: each class and their union.

    The union has no score.
    """
    scores = [None] * len(references) if found.scores is None else found.scores[0].tolist()
    masks = _masks(bench, found.free, references)
    return {
        name: {
            "overlap": int((mask & reference).sum()),
            "mask": int(mask.sum()),
            "reference": int(reference.sum()),
            "score": value,
        }
        for (name, (mask, reference)), value in zip(masks.items(), [*scores, None], strict=True)
    }


def _masks(
    bench: Bench, labels: Labels, references: NDArray[np.bool_]
) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Return mask and reference mask of each class, and last of their union."""
    names = enumerate(bench.study.class_names, 1)
    masks = {name: (labels == k, references[k - 1]) for k, name in names}
    return {**masks, bench.cohort.union: (labels > 0, references.any(0))}


def _slices(mask: NDArray[np.bool_], reference: NDArray[np.bool_]) -> dict[str, float | None]:
    """Measure slices one by one; None where there is none to take the mean of."""
    present = reference.any((1, 2))
    slice_dice = None
    if present.any():
        pairs = (torch.from_numpy(masks[present])[:, None] for masks in (mask, reference))
        slice_dice = float(compute_dice(*pairs).mean())
    return {
        "slice_dice": slice_dice,
        "false_slices": float(mask[~present].any((1, 2)).mean()) if not present.all() else None,
    }


def _dice(pictures: Sequence[Counts]) -> float | None:
    """Return the Dice of all pixels of pictures together."""
    overlap, mask, reference = (
        sum(counts[key] or 0 for counts in pictures) for key in ("overlap", "mask", "reference")
    )
    return 2 * overlap / (mask + reference) if mask + reference else None


def _mean_dice(pictures: Sequence[Counts]) -> float | None:
    """Return the mean Dice of the pictures that hold the class."""
    found = [_dice([counts]) or 0.0 for counts in pictures if counts["reference"]]
    return fmean(found) if found else None


def _false_pictures(pictures: Sequence[Counts]) -> float | None:
    """Return the share of the pictures without the class in which some pixel is labelled as it."""
    found = [bool(counts["mask"]) for counts in pictures if not counts["reference"]]
    return fmean(found) if found else None


def _auc(pictures: Sequence[Counts]) -> float | None:
    """Return the area under the receiver operating characteristic of a class's tags."""
    scores = [counts["score"] for counts in pictures]
    tags = [float(bool(counts["reference"])) for counts in pictures]
    if None in scores or len(set(tags)) < 2:
        return None
    return float(compute_roc_auc(torch.tensor(scores), torch.tensor(tags)))


PICTURE_MEASURES: dict[str, Callable[[Sequence[Counts]], float | None]] = {
    "pooled Dice": _dice,
    "mean Dice": _mean_dice,
    "false pictures": _false_pictures,
    "AUC": _auc,
}
"""Column of the table to what gives it from a class's counts in all tested pictures."""
