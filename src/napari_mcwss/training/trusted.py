"""Masks that a training learns from as they are."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.references import read_labels, scans_with_mask
from napari_mcwss.scans.labels import Label
from napari_mcwss.segmentation.corrected import CORRECTED, trusted_masks
from napari_mcwss.study.study import Study


def read_trusted(
    study: Study,
    masks: str,
    values: Mapping[str, Sequence[Label]] | None = None,
    scans: Sequence[str] | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """Read the masks that a training takes as they are, of all scans or the given ones.

    `masks` is ``corrected`` for those that were corrected by hand and called right; else a folder
    of masks, or their name beside the scans. `values` are those of each class in the masks; by
    default those that this program writes. Return labels by scan, uint8 ``(z, y, x)``: 0
    background, k + 1 class k.

    Raises
    ------
    McwssError
        If there is no mask, or one cannot be read or does not fit its scan.
    """
    if masks == CORRECTED:
        if values:
            raise McwssError(f"--trust {CORRECTED} needs no --map: leave it out")
        return trusted_masks(study, scans)
    names = scans_with_mask(study, masks, scans or study.scan_names)
    if not names:
        raise McwssError(f"--trust {masks}: found no mask of any scan: name a folder with some")
    own = {name: (label, name) for label, name in enumerate(study.class_names, 1)}
    return read_labels(study, masks, values or own, names)
