"""The rules by which CAMs become a mask, and the mask that they make."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.masks.exclusive import (
    GATE,
    THRESHOLD,
    allowed_slices,
    exclusive_mask,
)
from napari_mcwss.segmentation.masks.steps import (
    DEFAULT_STEPS,
    STEP_KINDS,
    Step,
    StepContext,
    parse_steps,
    refined,
    steps_text,
)
from napari_mcwss.segmentation.masks.volume_ranges import (
    VolumeRange,
    fitted_thresholds,
    parse_ranges,
)
from napari_mcwss.tags.table import Tag

VOLUMES = "volumes"
"""Names the stage in which thresholds are moved, before all steps."""


@dataclass(frozen=True, eq=False)
class MaskSettings:
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
    volumes : mapping of str to VolumeRange
        Class to the volume that it has wherever it is: its threshold is moved so far, in each
        scan.
    """

    threshold: float = THRESHOLD
    gate: float | None = GATE
    tags: NDArray[np.int8] | None = None
    steps: tuple[Step, ...] = DEFAULT_STEPS
    volumes: Mapping[str, VolumeRange] = field(default_factory=dict)

    @property
    def at_once(self) -> "MaskSettings":
        """The same rules with the steps alone that can follow a slider, on any of the slices."""
        return replace(self, steps=tuple(s for s in self.steps if STEP_KINDS[s.name].at_once))

    def record(self) -> dict[str, Any]:
        """Give what is kept beside a mask, in plain values."""
        volumes = {name: str(found) for name, found in self.volumes.items()}
        return {
            "threshold": round(self.threshold, 4),
            "gate": self.gate,
            "tags": self.tags is not None and bool((self.tags != Tag.UNKNOWN).any()),
            "steps": steps_text(self.steps),
            **({VOLUMES: volumes} if volumes else {}),
        }

    @classmethod
    def of_record(
        cls, record: Mapping[str, Any], tags: NDArray[np.int8], classes: Sequence[str]
    ) -> "MaskSettings":
        """Return the settings of a `record`, with the tags if they counted; else the default ones.

        Parameters
        ----------
        record : mapping
            Record of a stored mask; empty if its settings are not known.
        tags : ndarray
            Tags of the scan, int8 ``(slices, classes)``.
        classes : sequence of str
            Names of the classes.
        """
        if not record:
            return cls()
        volumes = [f"{name}={found}" for name, found in record.get(VOLUMES, {}).items()]
        return cls(
            threshold=record["threshold"],
            gate=record["gate"],
            tags=tags if record["tags"] else None,
            steps=parse_steps(record["steps"]),
            volumes=parse_ranges(volumes, classes),
        )

    @property
    def stages(self) -> tuple[str, ...]:
        """What makes a mask of the one before, by name, one after another."""
        return (VOLUMES,) * bool(self.volumes) + tuple(step.name for step in self.steps)

    def ranges(self, classes: Sequence[str]) -> dict[int, VolumeRange]:
        """Give the ranges of volumes by index of the class."""
        return {n: self.volumes[name] for n, name in enumerate(classes) if name in self.volumes}


def make_masks(
    cams: NDArray[np.float32],
    scores: NDArray[np.float32],
    precedence: NDArray[np.bool_],
    rules: MaskSettings,
    spacing: tuple[float, float, float],
    read: Callable[[], NDArray[np.float32]],
    classes: Sequence[str],
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
    rules : MaskSettings
        With tags of as many slices, if any. Ranges of volumes are those of all these slices.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    read : callable
        Gives the scan ``(channels, z, y, x)``; called if a step looks at it.
    classes : sequence of str
        Their names.

    Returns
    -------
    list of ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 the class k. The last one is
        the mask; the first one is without any of `MaskSettings.stages`.
    """
    allowed = allowed_slices(scores, rules.gate, rules.tags)
    thresholds = (rules.threshold,) * len(cams)
    mask = exclusive_mask(cams, allowed, precedence=precedence, threshold=thresholds)
    first = []
    if rules.volumes:
        first.append(mask)
        ranges = rules.ranges(classes)
        thresholds = fitted_thresholds(cams, allowed, precedence, thresholds, ranges, spacing)
        mask = exclusive_mask(cams, allowed, precedence=precedence, threshold=thresholds)
    context = StepContext(cams, allowed, precedence, thresholds, spacing, read)
    return first + refined(mask, context, rules.steps)
