"""Tags from masks: an import only, training never sees a mask."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.tags.table import TagTable


def tags_from_mask(mask: NDArray[np.integer], mapping: Mapping[str, Sequence[int]]) -> TagTable:
    """Tag a class present where a slice holds at least one voxel of its values.

    Parameters
    ----------
    mask : (z, y, x) array
        Integers.
    mapping : mapping
        Class name to its values in the mask.

    Returns
    -------
    TagTable
        Present or absent for every slice and every class of the mapping.
    """
    columns = [np.isin(mask, values).any((1, 2)) for values in mapping.values()]
    return TagTable(tuple(mapping), np.stack(columns, 1).astype(np.int8))
