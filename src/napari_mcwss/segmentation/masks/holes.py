"""Fill what a class encloses on a slice."""

from functools import reduce
from operator import or_

import numpy as np

from napari_mcwss.segmentation.masks.regions import Flags, Mask, bounding_box, nested_labels
from napari_mcwss.segmentation.masks.step_kind import StepContext, StepKind


def fill_holes(mask: Mask, context: StepContext, _: float) -> Mask:
    """Give a class the background, and the classes it is shown over, that it encloses on a slice.

    The necrosis inside an enhancing rim looks like fluid, and no tag tells them apart.
    """
    filled = mask.copy()
    part = bounding_box(mask, (0, 0, 0))
    if part is None:
        return filled
    view, allowed = filled[part], context.allowed[part[0]]
    for index, labels in nested_labels(context.precedence):
        enclosed = find_holes(_any_of(view, labels))
        enclosed[~allowed[:, index]] = False
        if enclosed.any():
            enclosed &= _any_of(view, np.append([True], context.precedence[index]))
            view[enclosed] = index + 1
    return filled


def _any_of(mask: Mask, labels: Flags) -> Flags:
    # Comparing is faster than looking up.
    return reduce(or_, (mask == label for label in np.flatnonzero(labels)))


def find_holes(mask: Flags) -> Flags:
    """Find the voxels that a mask ``(z, y, x)`` encloses within slices.

    Connected components are those of runs along x, which are far fewer than voxels.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    slices, rows, columns = mask.shape
    # Slices one below the other, with a margin around each: all that is outside is one piece.
    free = np.ones((slices * (rows + 1) + 1, columns + 2), bool)
    blocks = free[:-1].reshape(slices, rows + 1, columns + 2)
    blocks[:, 1:, 1:-1] = ~mask
    row = free.reshape(-1)
    borders = np.flatnonzero(row[1:] != row[:-1]) + 1
    begins, ends = np.append(0, borders[1::2]), np.append(borders[::2], row.size)
    # Each run is connected to the runs that it touches in the line below.
    first = np.searchsorted(ends, begins + columns + 2, "right")
    count = np.searchsorted(begins, ends + columns + 2, "left") - first
    upper = np.repeat(np.arange(len(begins)), count)
    lower = np.arange(len(upper)) + np.repeat(first - np.cumsum(count) + count, count)
    touching = coo_array((np.ones(len(upper), bool), (upper, lower)), shape=2 * [len(begins)])
    _, piece = connected_components(touching, directed=False)
    free[:] = False
    for enclosed in np.flatnonzero(piece != piece[0]):
        row[begins[enclosed] : ends[enclosed]] = True
    return blocks[:, 1:, 1:-1]


HOLES = StepKind(
    "holes",
    "Fill holes",
    "What a class encloses on a slice becomes part of it",
    fill_holes,
    at_once=True,
)
