"""Where the labels of an exclusive mask lie: bounding boxes, and labels inside each other.

Masks are uint8 ``(z, y, x)``, 0 background, k + 1 class k. ``precedence`` is bool
``(classes, classes)``: entry (a, b) is whether a is shown over b.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.masks.exclusive import Thresholds

Mask = NDArray[np.uint8]
Flags = NDArray[np.bool_]


def bounding_box(
    mask: NDArray[np.generic], margin: tuple[int, int, int]
) -> tuple[slice, ...] | None:
    """Return the box around a mask, with a margin in voxels; None if the mask is empty."""
    slices = np.flatnonzero(mask.reshape(len(mask), -1).max(1, initial=0))
    if not slices.size:
        return None
    outline = mask[slices[0] : slices[-1] + 1].max(0)
    found = [slices, *(np.flatnonzero(outline.max(other)) for other in (1, 0))]
    return tuple(
        slice(max(0, int(where[0]) - more), min(size, int(where[-1]) + 1 + more))
        for where, more, size in zip(found, margin, mask.shape, strict=True)
    )


def nested_labels(precedence: Flags) -> Iterator[tuple[int, Flags]]:
    """Yield each class with the labels, bool ``(classes + 1,)``, that lie in it.

    These are its own, and those shown over it. Outermost classes come first, so that what is done
    with inner classes has the last word.
    """
    for index in np.argsort(precedence.sum(1), kind="stable"):
        members = precedence[:, index] | (np.arange(len(precedence)) == index)
        yield int(index), np.append([False], members)


def labels_beneath(
    cams: NDArray[np.float32], losers: NDArray[np.intp], thresholds: Thresholds
) -> NDArray[np.intp]:
    """Return the labels of voxels ``(classes, voxels)`` that a class has lost.

    `losers` are the classes that it is shown over: the one with the most evidence, if any has
    enough, is there now.
    """
    if not losers.size:
        return np.zeros(cams.shape[1], np.intp)
    reached = [np.where(cams[loser] >= thresholds[loser], cams[loser], -1) for loser in losers]
    return np.where(np.max(reached, axis=0) >= 0, losers[np.argmax(reached, axis=0)] + 1, 0)
