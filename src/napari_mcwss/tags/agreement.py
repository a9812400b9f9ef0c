"""How far two readers agree on the tags of the same slices."""

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
    """How far two readers agree on one class.

    Parameters
    ----------
    compared : int
        Slices of which both know the tag.
    agreed : int
        Those of which they know the same.
    kappa : float
        Cohen's kappa, -1 to 1: 1 is full agreement, 0 what chance gives.
        Not a number where nothing was compared, or where both readers
        gave one and the same tag only.
    """

    compared: int
    agreed: int
    kappa: float


def agreement(first: NDArray[np.int8], second: NDArray[np.int8]) -> Agreement:
    """Compare the tags of one class by two readers.

    Parameters
    ----------
    first, second : (slices,) array of int8
        Values of `Tag`. Slices that are unknown to either are left out.

    Returns
    -------
    Agreement
        Counts and kappa.

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
    """Compare the tags of one class over many scans.

    Parameters
    ----------
    pairs : sequence of (TagTable, TagTable)
        The tags of both readers for each scan, of the same slices and with this class.
    class_name : str
        Of the class.

    Returns
    -------
    Agreement
        Counts and kappa over all slices together.
    """
    columns = [
        np.concatenate(
            [np.zeros(0, np.int8)]
            + [pair[reader].values[:, pair[reader].classes.index(class_name)] for pair in pairs]
        )
        for reader in (0, 1)
    ]
    return agreement(columns[0], columns[1])


def disagreements(first: TagTable, second: TagTable) -> NDArray[np.bool_]:
    """Find the tags of one scan in which two readers differ.

    Parameters
    ----------
    first, second : TagTable
        With the same slices and classes.

    Returns
    -------
    (slices, classes) array of bool
        Where both know a tag and it is not the same.
    """
    known = (first.values != Tag.UNKNOWN) & (second.values != Tag.UNKNOWN)
    different: NDArray[np.bool_] = known & (first.values != second.values)
    return different


def contradictions(table: TagTable, scores: NDArray[np.float32], gate: float) -> NDArray[np.bool_]:
    """Find the tags of one scan that a model's scores contradict.

    Parameters
    ----------
    table : TagTable
        The tags.
    scores : (slices, classes) array of float
        Probability that the slice holds the class, 0..1.
    gate : float
        Score from which the model says present.

    Returns
    -------
    (slices, classes) array of bool
        Where a tag is known, and the model says the opposite.
    """
    said = scores >= gate
    opposite = np.where(said, Tag.ABSENT, Tag.PRESENT)
    contradicted: NDArray[np.bool_] = table.values == opposite
    return contradicted
