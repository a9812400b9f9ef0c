"""From CAMs to exclusive masks: at most one class per pixel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

THRESHOLD = 0.5
"""A pixel is a class's candidate from this CAM value on: where its evidence is undecided."""

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


def exclusive_mask(
    cams: NDArray[np.float32],
    scores: NDArray[np.float32],
    *,
    precedence: NDArray[np.bool_],
    threshold: float = THRESHOLD,
    gate: float | None = GATE,
    tags: NDArray[np.int8] | None = None,
) -> NDArray[np.uint8]:
    """Give each pixel the class with the most evidence, or background.

    What a class encloses on a slice belongs to it: the necrosis inside an
    enhancing rim looks like fluid, and no tag says that it is none.

    Parameters
    ----------
    cams : ndarray
        ``(classes, z, y, x)`` in 0..1.
    scores : ndarray
        ``(slices, classes)`` in 0..1.
    precedence : ndarray
        Bool ``(classes, classes)``: where both are candidates, a wins over b
        whatever their evidence.
    threshold : float
        CAM value from which a pixel is a candidate.
    gate : float or None
        Score from which a slice can hold a class; None lets every slice.
    tags : ndarray, optional
        Int8 ``(slices, classes)``: known tags override the gate.

    Returns
    -------
    ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 the class k.
    """
    allowed = np.ones(scores.shape, bool) if gate is None else scores >= gate
    if tags is not None:
        allowed = np.where(tags == -1, allowed, tags == 1)
    mask = np.zeros(cams.shape[1:], np.uint8)
    possible = np.flatnonzero(allowed.any(1))
    if possible.size:
        # Most slices hold nothing: only the range that can is looked at.
        part = slice(possible[0], possible[-1] + 1)
        mask[part] = _most_evidence(cams[:, part], allowed[part], precedence, threshold)
        _fill_holes(mask[part], allowed[part], precedence)
    return mask


def _most_evidence(
    cams: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    precedence: NDArray[np.bool_],
    threshold: float,
) -> NDArray[np.uint8]:
    found = (cams >= threshold) & allowed.T[:, :, None, None]
    candidates = found.copy()
    for winner, loser in np.argwhere(precedence):
        candidates[loser] &= ~found[winner]
    mask = np.zeros(cams.shape[1:], np.uint8)
    most = np.zeros(cams.shape[1:], np.float32)
    for label, (cam, candidate) in enumerate(zip(cams, candidates, strict=True), 1):
        wins = candidate & (cam > most)
        mask[wins] = label
        np.copyto(most, cam, where=wins)
    return mask


def _fill_holes(
    mask: NDArray[np.uint8], allowed: NDArray[np.bool_], precedence: NDArray[np.bool_]
) -> None:
    """Give the holes of each class, in place, to it: background, and classes it wins over."""
    if not mask.any():
        return
    extents = [np.flatnonzero(mask.any(other)) for other in ((1, 2), (0, 2), (0, 1))]
    part = tuple(slice(found[0], found[-1] + 1) for found in extents)
    view, allowed = mask[part], allowed[part[0]]
    # The outermost classes first: what is inside of them comes later and wins.
    for index in np.argsort(precedence.sum(1), kind="stable"):
        family = np.append([False], precedence[:, index] | (np.arange(len(precedence)) == index))
        loses = np.append([True], precedence[index])
        enclosed = holes(family[view]) & allowed[:, index, None, None]
        view[enclosed & loses[view]] = index + 1


def holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find what a mask ``(z, y, x)`` encloses within slices."""
    within_slices = np.zeros((3, 3, 3), bool)
    within_slices[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    # With a margin, all that is outside is one piece of a slice.
    outside = np.pad(~mask, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    pieces, count = ndimage.label(outside, within_slices)
    inside = np.ones(count + 1, bool)
    inside[pieces[:, 0, 0]] = inside[0] = False
    enclosed: NDArray[np.bool_] = inside[pieces[:, 1:-1, 1:-1]]
    return enclosed
