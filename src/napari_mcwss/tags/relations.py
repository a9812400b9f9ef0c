"""Relations between classes, derived from the tags."""

import numpy as np
from numpy.typing import NDArray

EXCEPTIONS = 0.05
"""Fraction of a class's slices on which another may be absent and still counts as implied.

At the ends of a lesion one of two classes can be too small to be seen.
"""


def precedence(tags: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Find which class is shown over which.

    If b is present (nearly) wherever a is, and a is more often absent where b is
    present (a core inside its oedema), then a is the more specific of the two and
    wins where both are found.

    Parameters
    ----------
    tags : ndarray
        ``(slices, classes)``: 1 present, 0 absent, -1 unknown.

    Returns
    -------
    ndarray
        Bool ``(classes, classes)``: entry (a, b) is true if a wins over b.
    """
    present, absent = (tags == 1).astype(np.int64), (tags == 0).astype(np.int64)
    together, alone = present.T @ present, present.T @ absent
    implies = (together > 0) & (alone <= EXCEPTIONS * (together + alone))
    result: NDArray[np.bool_] = implies & (alone < alone.T)
    return result


def parents(tags: NDArray[np.int8]) -> NDArray[np.int64]:
    """Find for each class the most specific of those that it wins over by `precedence`.

    Returns
    -------
    ndarray
        Int64 ``(classes,)``: index of the parent, -1 for a class without one.
        Parents never form a cycle.
    """
    frequency = (tags == 1).sum(0)
    # Unknown tags can make classes imply each other in a cycle; frequencies cannot.
    possible = precedence(tags) & (frequency[:, None] < frequency)
    rarest = np.where(possible, frequency, np.iinfo(np.int64).max).argmin(1)
    return np.where(possible.any(1), rarest, -1)
