"""What goes wrong while a network learns, in plain words."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.model.preset import ABSENT, PRESENT

POOR = 0.65
"""Area under the ROC curve below which a class is as good as not learnt; 0.5 is chance."""

PATIENCE = 10
"""Epochs before anything is said of it."""


def poorly_learnt(
    aucs: Mapping[str, float],
    tags: NDArray[np.int8],
    classes: Sequence[str],
    epoch: int,
    *,
    told: Collection[str] = (),
) -> dict[str, str]:
    """Name classes that held-back scans show not to be learnt.

    Parameters
    ----------
    aucs : mapping
        Class to its area under the ROC curve on held-back scans, 0..1.
    tags : ndarray
        Int8 ``(slices, classes)`` of the slices trained on.
    classes : sequence of str
        Their names.
    epoch : int
        Counted from 1.
    told : collection of str
        Classes that the user has heard of already.

    Returns
    -------
    dict
        Class to what is wrong and what may help.
    """
    found: dict[str, str] = {}
    for index, name in enumerate(classes):
        if epoch < PATIENCE or name in told or not aucs.get(name, 1.0) < POOR:
            continue
        counts = {
            word: int((tags[:, index] == tag).sum())
            for tag, word in ((PRESENT, "present"), (ABSENT, "absent"))
        }
        rare = min(counts, key=lambda word: counts[word])
        found[name] = (
            f"the validation AUC of {name} is {aucs[name]:.2f} after {epoch} epochs, where chance "
            f"is 0.50: {counts[rare]} slices are tagged {rare}, more of them may help"
        )
    return found
