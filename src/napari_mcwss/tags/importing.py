"""Tags from masks: an import only; training never sees a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def tags_from_mask(
    mask: NDArray[np.integer], mapping: Mapping[str, Sequence[int]]
) -> NDArray[np.int8]:
    """Tag a class present where a slice holds at least one voxel of its values, else absent.

    Parameters
    ----------
    mask : (z, y, x) array of int
        A mask in canonical order.
    mapping : mapping of str to sequence of int
        Class name to its values in the mask.

    Returns
    -------
    (slices, classes) array of int8
        1 present, 0 absent; classes in the order of the mapping.

    Examples
    --------
    >>> mask = np.array([[[0, 0]], [[0, 2]], [[1, 2]]])
    >>> tags_from_mask(mask, {"core": [1], "any": [1, 2]}).tolist()
    [[0, 0], [0, 1], [1, 1]]
    """
    tags = np.zeros((len(mask), len(mapping)), np.int8)
    for column, values in enumerate(mapping.values()):
        tags[:, column] = np.isin(mask, values).any(axis=(1, 2))
    return tags
