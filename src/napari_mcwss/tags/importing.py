"""Tags from masks: an import only; training never sees a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.tags.table import TagTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def tags_from_mask(mask: NDArray[np.integer], mapping: Mapping[str, Sequence[int]]) -> TagTable:
    """Tag a class present where a slice holds at least one voxel of its values, else absent.

    Parameters
    ----------
    mask : (z, y, x) array of int
        A mask in canonical order.
    mapping : mapping of str to sequence of int
        Class name to its values in the mask.

    Returns
    -------
    TagTable
        Present or absent for every slice and every class of the mapping.

    Examples
    --------
    >>> mask = np.array([[[0, 0]], [[0, 2]], [[1, 2]]])
    >>> tags_from_mask(mask, {"core": [1], "any": [1, 2]}).values.tolist()
    [[0, 0], [0, 1], [1, 1]]
    """
    table = TagTable.empty(len(mask), tuple(mapping))
    for column, values in enumerate(mapping.values()):
        table.values[:, column] = np.isin(mask, values).any(axis=(1, 2))
    return table
