"""Agreement of two readers on the tags of the same slices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.tags.table import Tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_mcwss.tags.table import TagTable


@dataclass(frozen=True)
class Agreement:
    """Agreement of two readers on one class.

    Parameters
    ----------
    compared : int
        Number of slices that both have tagged.
    agreed : int
        Number of those with the same tag.
    kappa : float
        Cohen's kappa, -1 to 1: 1 is full agreement, 0 agreement by chance. NaN if nothing
        was compared, or if both readers gave the same tag to all slices.
    """

    compared: int
    agreed: int
    kappa: float


def agreement(first: NDArray[np.int8], second: NDArray[np.int8]) -> Agreement:
    """Compare the tags of one class by two readers.

    Parameters
    ----------
    first, second : (slices,) array of int8
        Values of `Tag`. Slices that are unknown in either are left out.

    References
    ----------
    Cohen J. A coefficient of agreement for nominal scales. Educ Psychol Meas
    1960;20:37-46.

    Examples
    --------
    >>> first = np.array([1, 1, 0, 0, -1], np.int8)
    >>> second = np.array([1, 0, 0, 0, 1], np.int8)
    >>> agreement(first, second)
    Agreement(compared=4, agreed=3, kappa=0.5)
    """
    both = (first != Tag.UNKNOWN) & (second != Tag.UNKNOWN)
    a, b = first[both] == Tag.PRESENT, second[both] == Tag.PRESENT
    if not both.any():
        return Agreement(0, 0, math.nan)
    observed = float((a == b).mean())
    expected = float(a.mean() * b.mean() + (~a).mean() * (~b).mean())
    kappa = (observed - expected) / (1 - expected) if expected < 1 else math.nan
    return Agreement(int(both.sum()), int((a == b).sum()), kappa)


def class_agreement(pairs: Sequence[tuple[TagTable, TagTable]], class_name: str) -> Agreement:
    """Compare the tags of one class over all slices of many scans, a pair of tables for each."""
    columns = [
        np.concatenate(
            [np.zeros(0, np.int8)]
            + [pair[reader].values[:, pair[reader].classes.index(class_name)] for pair in pairs]
        )
        for reader in (0, 1)
    ]
    return agreement(columns[0], columns[1])


def disagreements(first: TagTable, second: TagTable) -> NDArray[np.bool_]:
    """Find the tags that are known in both tables of a scan and differ: ``(slices, classes)``."""
    known = (first.values != Tag.UNKNOWN) & (second.values != Tag.UNKNOWN)
    different: NDArray[np.bool_] = known & (first.values != second.values)
    return different


def contradictions(table: TagTable, scores: NDArray[np.float32], gate: float) -> NDArray[np.bool_]:
    """Find the tags of one scan that a model's scores contradict.

    Parameters
    ----------
    table : TagTable
        Unknown tags are not contradicted.
    scores : (slices, classes) array of float
        Probability that the class is on the slice, 0..1; NaN contradicts nothing.
    gate : float
        Scores from this on mean present.

    Returns
    -------
    (slices, classes) array of bool
    """
    opposite = np.where(scores >= gate, Tag.ABSENT, Tag.PRESENT)
    contradicted: NDArray[np.bool_] = (table.values == opposite) & ~np.isnan(scores)
    return contradicted
