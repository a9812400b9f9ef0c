"""Tags that a model suggests for untagged slices."""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.tags.changes import Change, changes_between
from napari_mcwss.tags.table import Tag, TagTable

Probabilities = NDArray[np.float32]
"""Of a class on a slice, ``(slices, classes)``, 0..1; NaN where nothing is suggested."""


def open_suggestions(probabilities: Probabilities, table: TagTable) -> Probabilities:
    """Return the probabilities with NaN where a tag is known."""
    return np.where(table.values == Tag.UNKNOWN, probabilities, np.float32(np.nan))


def accepted(
    table: TagTable,
    probabilities: Probabilities,
    confidence: float = 0.5,
    slice_index: int | None = None,
) -> list[Change]:
    """List the changes that turn suggestions into tags; known tags stay.

    Parameters
    ----------
    table : TagTable
    probabilities : (slices, classes) array of float
    confidence : float
        Least probability of a tag, present or absent, to be accepted, 0.5 to 1.
    slice_index : int, optional
        The only slice to be tagged; all if not given.
    """
    found = table.copy()
    suggested = open_suggestions(probabilities, table)
    chosen = np.fmax(suggested, 1 - suggested) >= confidence
    if slice_index is not None:
        chosen[np.arange(len(chosen)) != slice_index] = False
    found.values[chosen] = (suggested[chosen] >= 0.5).astype(np.int8)
    return changes_between(table, found)


def most_uncertain(
    suggestions: Mapping[str, Probabilities],
    tables: Mapping[str, TagTable],
    visited: Collection[tuple[str, int]] = (),
) -> tuple[str, int] | None:
    """Return the scan and slice with the suggestion nearest to 0.5; None if there is none.

    Scans without a table and visited scans and slices are left out.
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
