"""Exclusive masks by their shape alone: holes, small pieces, jumps from slice to slice.

Masks are uint8 ``(z, y, x)``, 0 background, k + 1 class k. Every function
gives a new one. ``precedence`` is bool ``(classes, classes)``: entry (a, b) is
whether a is shown over b. A class and those shown over it are its family: what
lies in the core of a lesion lies in the lesion.
"""

from collections.abc import Iterator
from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Mask = NDArray[np.uint8]
Flags = NDArray[np.bool_]

REACH = 4.0
"""Standard deviations that a Gaussian reaches."""


def extent(mask: NDArray[np.generic], margin: tuple[int, int, int]) -> tuple[slice, ...] | None:
    """Give the box that holds all of a mask, with a margin in voxels; None if it is empty."""
    slices = np.flatnonzero(mask.reshape(len(mask), -1).max(1, initial=0))
    if not slices.size:
        return None
    outline = mask[slices[0] : slices[-1] + 1].max(0)
    found = [slices, *(np.flatnonzero(outline.max(other)) for other in (1, 0))]
    return tuple(
        slice(max(0, int(where[0]) - more), min(size, int(where[-1]) + 1 + more))
        for where, more, size in zip(found, margin, mask.shape, strict=True)
    )


def fill_holes(mask: Mask, allowed: Flags, precedence: Flags) -> Mask:
    """Give what a class encloses within a slice to it: background, and classes it wins over.

    The necrosis inside an enhancing rim looks like fluid, and no tag says that
    it is none.

    Parameters
    ----------
    mask, precedence : ndarray
        See above.
    allowed : ndarray
        Bool ``(slices, classes)``: on which slices a class can be.
    """
    filled = mask.copy()
    part = extent(mask, (0, 0, 0))
    if part is None:
        return filled
    view, allowed = filled[part], allowed[part[0]]
    for index, family in families(precedence):
        enclosed = holes(_any_of(view, family))
        enclosed[~allowed[:, index]] = False
        if enclosed.any():
            enclosed &= _any_of(view, np.append([True], precedence[index]))
            view[enclosed] = index + 1
    return filled


def _any_of(mask: Mask, labels: Flags) -> Flags:
    """Find the voxels with any of some labels; to compare is faster than to look up."""
    return reduce(or_, (mask == label for label in np.flatnonzero(labels)))


def holes(mask: Flags) -> Flags:
    """Find what a mask ``(z, y, x)`` encloses within slices.

    Runs of voxels along x are joined where they touch, which are by far fewer than voxels.
    """
    slices, rows, columns = mask.shape
    # Slices one below the other, with a margin around each: all that is outside is one piece.
    free = np.ones((slices * (rows + 1) + 1, columns + 2), bool)
    blocks = free[:-1].reshape(slices, rows + 1, columns + 2)
    blocks[:, 1:, 1:-1] = ~mask
    row = free.reshape(-1)
    borders = np.flatnonzero(row[1:] != row[:-1]) + 1
    begins, ends = np.append(0, borders[1::2]), np.append(borders[::2], row.size)
    # The runs that each one touches in the line below are neighbours of each other.
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


def leave_out_small(mask: Mask, precedence: Flags, voxels: float) -> Mask:
    """Give connected pieces of fewer voxels to what is around them.

    Pieces are those of families. A voxel gets the label that is nearest, if
    it is one that the class is shown over; else it is background.

    Parameters
    ----------
    mask, precedence : ndarray
        See above.
    voxels : float
        Fewer are left out.
    """
    left = mask.copy()
    part = extent(mask, (1, 1, 1))
    if part is None:
        return left
    view = left[part]
    for index, family in families(precedence):
        members = family[view]
        pieces, count = ndimage.label(members)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        small = sizes < voxels
        small[0] = False
        if not small.any():
            continue
        gone = small[pieces]
        loses = np.append([True], precedence[index])
        nearest = ndimage.distance_transform_edt(
            members, return_distances=False, return_indices=True
        )
        around = view[tuple(axis[gone] for axis in nearest)]
        view[gone] = np.where(loses[around], around, 0)
    return left


def smooth_across(mask: Mask, classes: int, sigma: float) -> Mask:
    """Make borders even from slice to slice.

    The share of each label is smoothed along z by a Gaussian; the largest has
    the voxel. Of equal ones the voxel keeps its own.

    Parameters
    ----------
    mask : ndarray
        See above.
    classes : int
        How many there are.
    sigma : float
        Standard deviation of the Gaussian in slices.
    """
    smooth = mask.copy()
    part = extent(mask, (int(np.ceil(REACH * sigma)), 0, 0))
    if part is None:
        return smooth
    view = mask[part]
    # What lies beyond the scan's ends is as its ends are.
    shares = [
        ndimage.gaussian_filter1d(
            (view == label).astype(np.float32), sigma, axis=0, mode="nearest", truncate=REACH
        )
        for label in range(classes + 1)
    ]
    most = np.maximum.reduce(shares)
    own = np.choose(view, shares)
    smooth[part] = np.where(own >= most - 1e-6, view, np.argmax(shares, axis=0))
    return smooth


def families(precedence: Flags) -> Iterator[tuple[int, Flags]]:
    """Give each class with whether each label is of its family, the outermost classes first.

    What is inside of a family comes later, and wins.

    Parameters
    ----------
    precedence : ndarray
        See above.

    Yields
    ------
    tuple
        Index of the class, and bool ``(classes + 1,)``.
    """
    for index in np.argsort(precedence.sum(1), kind="stable"):
        members = precedence[:, index] | (np.arange(len(precedence)) == index)
        yield int(index), np.append([False], members)
