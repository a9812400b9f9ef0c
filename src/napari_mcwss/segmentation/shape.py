"""Exclusive masks by their shape alone: holes, small pieces, jumps from slice to slice.

Masks are uint8 ``(z, y, x)``, 0 background, k + 1 class k. Every function
gives a new one. ``precedence`` is bool ``(classes, classes)``: entry (a, b) is
whether a is shown over b. A class and those shown over it are its family: what
lies in the core of a lesion lies in the lesion.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.uint8]
Flags = NDArray[np.bool_]

REACH = 4.0
"""Standard deviations that a Gaussian reaches."""


def extent(mask: NDArray[np.generic], margin: tuple[int, int, int]) -> tuple[slice, ...] | None:
    """Give the box that holds all of a mask, with a margin in voxels; None if it is empty."""
    found = [np.flatnonzero(mask.any(other)) for other in ((1, 2), (0, 2), (0, 1))]
    if not found[0].size:
        return None
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
        loses = np.append([True], precedence[index])
        enclosed = holes(family[view]) & allowed[:, index, None, None]
        view[enclosed & loses[view]] = index + 1
    return filled


def holes(mask: Flags) -> Flags:
    """Find what a mask ``(z, y, x)`` encloses within slices."""
    within_slices = np.zeros((3, 3, 3), bool)
    within_slices[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    # With a margin, all that is outside is one piece of a slice.
    outside = np.pad(~mask, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    pieces, count = ndimage.label(outside, within_slices)
    inside = np.ones(count + 1, bool)
    inside[pieces[:, 0, 0]] = inside[0] = False
    enclosed: Flags = inside[pieces[:, 1:-1, 1:-1]]
    return enclosed


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
