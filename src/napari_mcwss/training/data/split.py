"""Which scans are trained on, and which are for validation."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.model.preset import ABSENT, PRESENT

MIN_SCANS_TO_VALIDATE = 10
"""With fewer scans all are trained on."""


@dataclass(frozen=True)
class Split:
    """Which scans are trained on, and which choose the best epoch."""

    training: tuple[str, ...]
    validation: tuple[str, ...]


def split_scans(
    tags: Mapping[str, NDArray[np.int8]],
    share: float,
    seed: int,
    *,
    keep: Collection[str] = (),
    least: int | None = None,
) -> Split:
    """Choose whole scans for validation, such that the others show each class present and absent.

    `tags` are ``(slices, classes)`` by scan. `share` of the scans validate, none of fewer than
    `least`, by default `MIN_SCANS_TO_VALIDATE`, and none of those to `keep`.
    """
    count = max(1, round(share * len(tags))) if share else 0
    if len(tags) < (MIN_SCANS_TO_VALIDATE if least is None else least):
        count = 0
    shows = {
        scan: np.stack([(values == tag).any(0) for tag in (ABSENT, PRESENT)]).astype(int)
        for scan, values in tags.items()
    }
    # Number of scans that show each class absent and present; without any, training refuses later.
    left = np.sum(list(shows.values()), 0)
    validation: set[str] = set()
    for scan in np.random.default_rng(seed).permutation(list(tags)).tolist():
        only = ((left == 1) & (shows[scan] == 1)).any()
        if len(validation) < count and scan not in keep and not only:
            validation.add(scan)
            left -= shows[scan]
    return Split(
        tuple(scan for scan in tags if scan not in validation),
        tuple(scan for scan in tags if scan in validation),
    )
