"""From CAMs to exclusive masks: at most one class per pixel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.5
"""A pixel is a class's candidate from this CAM value on: where its evidence is undecided."""

Thresholds = tuple[float, ...]
"""One for each class."""

GATE = 0.5
"""A slice can hold a class from this score on."""


def precedence_of(from_tags: NDArray[np.bool_], priorities: Sequence[int]) -> NDArray[np.bool_]:
    """Join the user's priorities with the precedence that the tags show.

    Parameters
    ----------
    from_tags : ndarray
        Bool ``(classes, classes)``: entry (a, b) is whether a wins over b.
    priorities : sequence of int
        One a class: the higher one wins, equal ones leave it to the tags.
    """
    order = np.asarray(priorities)
    difference = order[:, None] - order[None, :]
    return np.where(difference == 0, from_tags, difference > 0)


def allowed_slices(
    scores: NDArray[np.float32],
    gate: float | None = GATE,
    tags: NDArray[np.int8] | None = None,
) -> NDArray[np.bool_]:
    """Tell which slices can hold a class: bool ``(slices, classes)``.

    Parameters
    ----------
    scores : ndarray
        ``(slices, classes)`` in 0..1.
    gate : float or None
        Score from which a slice can hold a class; None lets every slice.
    tags : ndarray, optional
        Int8 ``(slices, classes)``: known tags override the gate.
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
    """Give each pixel the class with the most evidence, or background.

    Parameters
    ----------
    cams : ndarray
        ``(classes, z, y, x)`` in 0..1.
    allowed : ndarray
        Bool ``(slices, classes)``: where a class can be, see `allowed_slices`.
    precedence : ndarray
        Bool ``(classes, classes)``: where both are candidates, a wins over b
        whatever their evidence.
    threshold : float or tuple of float
        CAM value from which a pixel is a candidate, of all classes or of each; one of 0 never is.

    Returns
    -------
    ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 the class k.
    """
    own = threshold if isinstance(threshold, tuple) else (threshold,) * len(cams)
    mask = np.zeros(cams.shape[1:], np.uint8)
    # Slice by slice all stays in the processor's cache: a slider is followed while it moves.
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
    """Find the CAM values that reach a threshold; 0 never does."""
    return values >= max(threshold, float(np.finfo(np.float32).tiny))


def _without(
    found: list[NDArray[np.bool_]], number: int, winners: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Give where a class was found, less where any of those that win over it was."""
    left = found[number]
    for winner in np.flatnonzero(winners):
        left = left & ~found[winner]
    return left
