"""Warnings about classes that a network does not learn."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.model.preset import ABSENT, PRESENT

POOR = 0.65
"""Area under the ROC curve below which a class counts as not learnt; 0.5 is chance."""

PATIENCE = 10
"""Epochs before a warning."""


def poorly_learnt(
    aucs: Mapping[str, float],
    tags: NDArray[np.int8],
    classes: Sequence[str],
    epoch: int,
    *,
    told: Collection[str] = (),
) -> dict[str, str]:
    """Return a warning for each class that validation shows not to be learnt.

    `aucs` are the areas under the ROC curve, 0..1, on validation scans, `tags` int8 ``(slices,
    classes)`` of the slices trained on; classes in `told` had an earlier warning.
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
            f"the validation AUC of {name} is {aucs[name]:.2f} after {epoch} epochs, chance is "
            f"0.50: {counts[rare]} slices are tagged {rare}, more of them may help"
        )
    return found
