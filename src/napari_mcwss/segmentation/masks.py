"""The rules by which CAMs become a mask, and the mask that they make."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.exclusive import (
    GATE,
    THRESHOLD,
    allowed_slices,
    exclusive_mask,
)
from napari_mcwss.segmentation.refine import DEFAULT_STEPS, KINDS, Ground, Step, refined, steps_text
from napari_mcwss.tags.table import Tag


@dataclass(frozen=True, eq=False)
class Rules:
    """How CAMs become a mask.

    Attributes
    ----------
    threshold : float
        CAM value from which a pixel can belong to a class, 0..1.
    gate : float or None
        Score from which a slice can hold a class; None lets every slice.
    tags : ndarray, optional
        Known tags of the scan, int8 ``(slices, classes)``, that override the gate.
    steps : tuple of Step
        What is done with the mask then, in this order.
    """

    threshold: float = THRESHOLD
    gate: float | None = GATE
    tags: NDArray[np.int8] | None = None
    steps: tuple[Step, ...] = DEFAULT_STEPS

    @property
    def at_once(self) -> "Rules":
        """The same rules with the steps alone that can follow a slider, on any of the slices."""
        return replace(self, steps=tuple(s for s in self.steps if KINDS[s.name].at_once))

    def record(self) -> dict[str, Any]:
        """Give what is kept beside a mask, in plain values."""
        return {
            "threshold": round(self.threshold, 4),
            "gate": self.gate,
            "tags": self.tags is not None and bool((self.tags != Tag.UNKNOWN).any()),
            "steps": steps_text(self.steps),
        }


def make_masks(
    cams: NDArray[np.float32],
    scores: NDArray[np.float32],
    precedence: NDArray[np.bool_],
    rules: Rules,
    spacing: tuple[float, float, float],
    read: Callable[[], NDArray[np.float32]],
) -> list[NDArray[np.uint8]]:
    """Make the mask of a scan, or of some of its slices, before and after each step.

    Parameters
    ----------
    cams : ndarray
        ``(classes, z, y, x)`` in 0..1.
    scores : ndarray
        ``(slices, classes)`` in 0..1.
    precedence : ndarray
        Bool ``(classes, classes)``, as in `exclusive_mask`.
    rules : Rules
        With tags of as many slices, if any.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    read : callable
        Gives the scan ``(channels, z, y, x)``; called if a step looks at it.

    Returns
    -------
    list of ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 the class k. The last one is
        the mask; the first one is without any step.
    """
    allowed = allowed_slices(scores, rules.gate, rules.tags)
    mask = exclusive_mask(cams, allowed, precedence=precedence, threshold=rules.threshold)
    ground = Ground(cams, allowed, precedence, rules.threshold, spacing, read)
    return refined(mask, ground, rules.steps)
