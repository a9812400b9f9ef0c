"""Masks that are made without a look at the images, to compare others with."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

IntTriple = tuple[int, int, int]


class LocationPrior:
    """Where the classes lie on average, from the masks of other scans.

    A baseline: a method that learns from tags has to do better than where a
    class usually is. Masks of other shapes are stretched onto the scan's box.

    Masks, bool ``(K, z, y, x)``, are read one at a time.
    """

    def __init__(self, references: Iterable[NDArray[np.bool_]]) -> None:
        # Stretching is linear: masks of one shape are added up first, so that
        # memory and time go with the number of shapes, not of scans.
        self._sums: dict[IntTriple, NDArray[np.float32]] = {}
        self._count = 0
        for masks in references:
            layers = np.concatenate([masks, masks.any(axis=0, keepdims=True)])
            depth, height, width = masks.shape[1:]
            total = self._sums.setdefault(
                (depth, height, width), np.zeros(layers.shape, np.float32)
            )
            total += layers
            self._count += 1
        if not self._count:
            raise ValueError("a location prior needs at least one mask")

    def probabilities(self, shape: IntTriple) -> NDArray[np.float32]:
        """Return how often each class, and last any class, is at each voxel.

        The shares are ``(K + 1, z, y, x)``, in 0..1, on a scan of shape (z, y, x).
        """
        total = sum(_stretched(sums, shape) for sums in self._sums.values())
        return np.asarray(total / self._count, np.float32)

    def mask(self, shape: IntTriple) -> NDArray[np.uint8]:
        """Return the most probable class wherever any class is at least as likely as none."""
        *classes, anything = self.probabilities(shape)
        labels = np.argmax(classes, axis=0) + 1
        return np.where(anything >= 0.5, labels, 0).astype(np.uint8)


def _stretched(layers: NDArray[np.float32], shape: IntTriple) -> NDArray[np.float32]:
    """Interpolate the last three axes linearly to another shape, box onto box."""
    for axis, size in enumerate(shape, start=1):
        old = layers.shape[axis]
        if old == size:
            continue
        position = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        below = position.astype(np.intp)
        above = np.minimum(below + 1, old - 1)
        weight = (position - below).astype(np.float32)
        weight = weight.reshape([-1 if a == axis else 1 for a in range(layers.ndim)])
        layers = layers.take(below, axis) * (1 - weight) + layers.take(above, axis) * weight
    return layers
