"""The choice between presets by the tags of scans from which they have not learnt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.model.preset import ABSENT, PRESENT
from napari_mcwss.training.diagnostics import POOR

TOLERANCE = 0.03
"""A smaller reach may predict tags worse by so much of the AUC: a larger one smears its maps."""

CLEAR = 1.64
"""Standard errors above 0.5 from which an AUC is clearly above chance."""


@dataclass(frozen=True)
class Choice:
    """Whether the smaller reach is taken, and why, in one sentence."""

    smaller: bool
    reason: str


def choose(
    larger: Mapping[str, float],
    smaller: Mapping[str, float],
    names: tuple[str, str] = ("features", "local"),
) -> Choice:
    """Take the smaller reach if it predicts held-back tags as well as the larger one.

    Parameters
    ----------
    larger, smaller : mapping of str to float
        AUC of the tags of each class, 0..1, on the same slices.
    names : tuple of str
        Of the presets with the larger and the smaller reach.

    Examples
    --------
    >>> choose({"TC": 0.95}, {"TC": 0.93}).smaller
    True
    >>> choose({"TC": 0.95}, {"TC": 0.60}).reason
    'auto chose features: local predicts tags of held-back scans worse (AUC 0.60, features 0.95)'
    """
    large, small = names
    both = [name for name in larger if name in smaller]
    if not both:
        return Choice(
            False,
            f"auto chose {large}: too few slices of held-back scans have tags to compare it with "
            f"{small}",
        )
    one, other = (fmean(aucs[name] for name in both) for aucs in (larger, smaller))
    found = f"AUC {other:.2f}, {large} {one:.2f}"
    if other >= one - TOLERANCE:
        return Choice(
            True,
            f"auto chose {small}, a network that reads only the surroundings of a pixel: it "
            f"predicts tags of held-back scans as well as {large} does ({found})",
        )
    return Choice(
        False, f"auto chose {large}: {small} predicts tags of held-back scans worse ({found})"
    )


def unpredictable(
    aucs: Sequence[Mapping[str, float]], tags: NDArray[np.int8], classes: Sequence[str]
) -> tuple[str, ...]:
    """Return the classes whose tags no preset predicts: below `POOR`, or not clearly above chance.

    Parameters
    ----------
    aucs : sequence of mapping of str to float
        AUC of the tags of each class by each preset; a class without one is not judged.
    tags : ndarray
        Int8 ``(slices, classes)`` of the slices that were judged.
    classes : sequence of str
        Names.
    """
    found = []
    for index, name in enumerate(classes):
        best = max((of[name] for of in aucs if name in of), default=None)
        if best is None:
            continue
        present, absent = (int((tags[:, index] == tag).sum()) for tag in (PRESENT, ABSENT))
        # Of the statistic of Mann and Whitney, without any difference.
        error = math.sqrt((present + absent + 1) / (12 * max(1, present * absent)))
        if best < max(POOR, 0.5 + CLEAR * error):
            found.append(name)
    return tuple(found)
