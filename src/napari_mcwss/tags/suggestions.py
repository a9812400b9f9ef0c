"""Suggested tags: what a model thinks of slices that nobody has tagged yet."""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.tags.changes import Change, changes_between
from napari_mcwss.tags.table import Tag, TagTable

Probabilities = NDArray[np.float32]
"""That a class is on a slice, ``(slices, classes)`` in 0..1; NaN where nothing is suggested."""


def open_suggestions(probabilities: Probabilities, table: TagTable) -> Probabilities:
    """Leave out what is tagged: a suggestion ends where a tag is known."""
    return np.where(table.values == Tag.UNKNOWN, probabilities, np.float32(np.nan))


def accepted(
    table: TagTable,
    probabilities: Probabilities,
    confidence: float = 0.5,
    slice_index: int | None = None,
) -> list[Change]:
    """List the changes that make tags of suggestions; known tags stay.

    Parameters
    ----------
    table : TagTable
        Tags of the scan, left as they are.
    probabilities : ndarray
        ``(slices, classes)``.
    confidence : float
        Probability that the suggested tag needs, 0.5 to 1.
    slice_index : int, optional
        Of the only slice to be tagged; all if not given.
    """
    found = table.copy()
    suggested = open_suggestions(probabilities, table)
    chosen = np.fmax(suggested, 1 - suggested) >= confidence
    if slice_index is not None:
        chosen[np.arange(len(chosen)) != slice_index] = False
    found.values[chosen] = (suggested[chosen] >= 0.5).astype(np.int8)
    return changes_between(table, found)


def most_doubtful(
    suggestions: Mapping[str, Probabilities],
    tables: Mapping[str, TagTable],
    visited: Collection[tuple[str, int]] = (),
) -> tuple[str, int] | None:
    """Give the scan and the slice whose suggestion is nearest to even odds; None if there is none.

    Parameters
    ----------
    suggestions : mapping
        Scan to the probabilities of its slices.
    tables : mapping
        Scan to its tags; scans without are left out.
    visited : collection
        Scans and slices that are left out.
    """
    best, place = np.inf, None
    for scan, probabilities in suggestions.items():
        if scan not in tables:
            continue
        suggested = open_suggestions(probabilities, tables[scan])
        distance = np.where(np.isnan(suggested), np.inf, np.abs(suggested - 0.5)).min(1)
        distance[[index for name, index in visited if name == scan]] = np.inf
        index = int(distance.argmin())
        if distance[index] < best:
            best, place = float(distance[index]), (scan, index)
    return place
