"""The settings by which CAMs become a mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.masks.exclusive import GATE, THRESHOLD, Thresholds
from napari_mcwss.segmentation.masks.steps import (
    DEFAULT_STEPS,
    STEP_KINDS,
    Step,
    parse_steps,
    steps_text,
)
from napari_mcwss.segmentation.masks.volume_ranges import VolumeRange, parse_ranges
from napari_mcwss.tags.table import Tag

VOLUMES = "volumes"
"""Name of the step that moves thresholds, before all others."""

THRESHOLDS = "thresholds"
"""Entry of a record: the thresholds of classes that have their own."""


@dataclass(frozen=True, eq=False)
class MaskSettings:
    """How CAMs become a mask.

    Attributes
    ----------
    threshold : float
        CAM value in 0..1 from which a pixel can belong to a class.
    gate : float or None
        Score from which a slice can hold a class; None lets every slice.
    tags : (slices, classes) array of int8, optional
        Tags of the scan; those that are known override the gate.
    steps : tuple of Step
        Steps that improve the mask, in this order.
    volumes : mapping of str to VolumeRange
        Range of the volume of a class where it is present; its threshold is moved to fit, in
        each scan.
    thresholds : mapping of str to float
        Threshold of the classes that have their own.
    """

    threshold: float = THRESHOLD
    gate: float | None = GATE
    tags: NDArray[np.int8] | None = None
    steps: tuple[Step, ...] = DEFAULT_STEPS
    volumes: Mapping[str, VolumeRange] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @property
    def at_once(self) -> "MaskSettings":
        """The same settings with only the steps that can follow a slider, on any slices."""
        return replace(self, steps=tuple(s for s in self.steps if STEP_KINDS[s.name].at_once))

    def record(self) -> dict[str, Any]:
        """Return the plain values that are kept beside a mask."""
        volumes = {name: str(found) for name, found in self.volumes.items()}
        own = {n: float(found) for n, found in self.thresholds.items() if found != self.threshold}
        return {
            "threshold": float(self.threshold),
            "gate": self.gate,
            "tags": self.tags is not None and bool((self.tags != Tag.UNKNOWN).any()),
            "steps": steps_text(self.steps),
            **({VOLUMES: volumes} if volumes else {}),
            **({THRESHOLDS: own} if own else {}),
        }

    @classmethod
    def of_record(
        cls, record: Mapping[str, Any], tags: NDArray[np.int8], classes: Sequence[str]
    ) -> "MaskSettings":
        """Return the settings of a record, with the tags if they counted; else the default ones.

        Tags are ``(slices, classes)``; the record is empty if its settings are not known.
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
            thresholds=record.get(THRESHOLDS, {}),
        )

    @property
    def step_names(self) -> tuple[str, ...]:
        """Names of what changes the mask, one after another."""
        return (VOLUMES,) * bool(self.volumes) + tuple(step.name for step in self.steps)

    def thresholds_of(self, classes: Sequence[str]) -> Thresholds:
        """Return the threshold of each class."""
        return tuple(self.thresholds.get(name, self.threshold) for name in classes)

    def ranges(self, classes: Sequence[str]) -> dict[int, VolumeRange]:
        """Return the ranges of volumes by index of the class."""
        return {n: self.volumes[name] for n, name in enumerate(classes) if name in self.volumes}
