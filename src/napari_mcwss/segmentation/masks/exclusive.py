"""From CAMs to an exclusive mask: at most one class per pixel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.5
"""CAM value from which a pixel is a candidate of a class: its evidence is undecided there."""

Thresholds = tuple[float, ...]
"""One threshold for each class."""

GATE = 0.5
"""Score from which a slice can hold a class."""


def precedence_of(from_tags: NDArray[np.bool_], priorities: Sequence[int]) -> NDArray[np.bool_]:
    """Combine the user's priorities with the precedence that follows from the tags.

    Parameters
    ----------
    from_tags : (classes, classes) array of bool
        Entry (a, b) is whether a wins over b.
    priorities : sequence of int
        Priority of each class: the higher one wins; the tags decide between equal ones.
    """
    order = np.asarray(priorities)
    difference = order[:, None] - order[None, :]
    return np.where(difference == 0, from_tags, difference > 0)


def allowed_slices(
    scores: NDArray[np.float32],
    gate: float | None = GATE,
    tags: NDArray[np.int8] | None = None,
) -> NDArray[np.bool_]:
    """Return which slices can hold a class, bool ``(slices, classes)``.

    Parameters
    ----------
    scores : (slices, classes) array of float32
        Scores in 0..1.
    gate : float or None
        Score from which a slice can hold a class; None lets every slice.
    tags : (slices, classes) array of int8, optional
        Tags; those that are known override the gate.
    """
    allowed = np.ones(scores.shape, bool) if gate is None else scores >= gate
    return allowed if tags is None else np.where(tags == -1, allowed, tags == 1)


def exclusive_mask(
    cams: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    *,
    precedence: NDArray[np.bool_],
    threshold: float | Thresholds = THRESHOLD,
) -> NDArray[np.uint8]:
    """Assign each pixel to the class with the most evidence, or to background.

    Parameters
    ----------
    cams : (classes, z, y, x) array of float32
        CAMs in 0..1.
    allowed : (slices, classes) array of bool
        Which slices can hold a class, see `allowed_slices`.
    precedence : (classes, classes) array of bool
        Entry (a, b) is whether a wins over b, whatever their evidence, where both are
        candidates.
    threshold : float or tuple of float
        CAM value above 0 from which a pixel is a candidate, for all classes or for each.

    Returns
    -------
    (z, y, x) array of uint8
        0 background, k + 1 class k.
    """
    own = threshold if isinstance(threshold, tuple) else (threshold,) * len(cams)
    mask = np.zeros(cams.shape[1:], np.uint8)
    # Slice by slice, all data stay in the processor's cache, so that masks follow a slider.
    for index in np.flatnonzero(allowed.any(1)):
        classes = np.flatnonzero(allowed[index])
        maps = [cams[number, index].reshape(-1) for number in classes]
        found = [
            candidates(values, own[number]) for number, values in zip(classes, maps, strict=True)
        ]
        wins = precedence[np.ix_(classes, classes)]
        left = [_without(found, number, wins[:, number]) for number in range(len(classes))]
        labels = mask[index].reshape(-1)
        taken, contested = left[0].copy(), np.zeros(labels.shape, bool)
        for candidate in left[1:]:
            contested |= taken & candidate
            taken |= candidate
        for number, candidate in zip(classes, left, strict=True):
            labels |= candidate.view(np.uint8) * np.uint8(number + 1)
        if contested.any():
            places = np.flatnonzero(contested)
            evidence = [
                np.where(candidate[places], values[places], -1)
                for values, candidate in zip(maps, left, strict=True)
            ]
            labels[places] = (classes + 1)[np.argmax(evidence, axis=0)]
    return mask


def candidates(values: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Return which CAM values reach a threshold; 0 never does."""
    return values >= max(threshold, float(np.finfo(np.float32).tiny))


def _without(
    found: list[NDArray[np.bool_]], number: int, winners: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the candidates of a class without those of the classes that win over it."""
    left = found[number]
    for winner in np.flatnonzero(winners):
        left = left & ~found[winner]
    return left
