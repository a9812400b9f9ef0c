"""All kinds of steps from one exclusive mask to a better one, and steps as text.

To add a kind, write its module and list its `StepKind` here. ``docs/results.md`` tells how the
default was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import number_text
from napari_mcwss.segmentation.masks.edges import EDGES
from napari_mcwss.segmentation.masks.holes import HOLES
from napari_mcwss.segmentation.masks.small import SMALL
from napari_mcwss.segmentation.masks.smooth import SMOOTH
from napari_mcwss.segmentation.masks.step_kind import StepContext, StepKind
from napari_mcwss.segmentation.masks.superpixels import SUPERPIXELS

_KINDS: tuple[StepKind, ...] = (
    EDGES,
    SUPERPIXELS,
    SMOOTH,
    SMALL,
    HOLES,
)

STEP_KINDS = {kind.name: kind for kind in _KINDS}
"""All kinds of steps by name, in the order in which they work best."""

NONE = "none"
"""Stands for no steps."""


@dataclass(frozen=True)
class Step:
    """A step, a key of `STEP_KINDS`, with the value of its parameter; by default that of the kind.

    Examples
    --------
    >>> str(Step("small", 0.5)), str(Step("small")), str(Step("holes"))
    ('small=0.5', 'small=0.1', 'holes')
    """

    name: str
    value: float | None = None

    def __post_init__(self) -> None:
        if self.name not in STEP_KINDS:
            raise McwssError(
                f"no step {self.name!r}: expected {NONE}, or any of {', '.join(STEP_KINDS)}"
            )
        parameter = STEP_KINDS[self.name].parameter
        if parameter is None:
            if self.value is not None:
                raise McwssError(f"the step {self.name} takes no number, found {self.value:g}")
        elif self.value is None:
            object.__setattr__(self, "value", parameter.default)
        elif not parameter.low <= self.value <= parameter.high:
            raise McwssError(
                f"the step {self.name} takes {parameter.low:g} to {parameter.high:g} "
                f"{parameter.unit}".rstrip()
                + f" ({parameter.meaning}), found {self.value:g}"
            )

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={number_text(self.value)}"

    def apply(self, mask: NDArray[np.uint8], context: StepContext) -> NDArray[np.uint8]:
        """Return a new mask, in which no slice has a class that it cannot hold."""
        kind = STEP_KINDS[self.name]
        made = kind.apply(mask, context, self.value or 0.0)
        if kind.at_once:
            return made
        for index, possible in enumerate(context.allowed.T):
            # Steps that look across slices or at the scan do not know the tags.
            for where in np.flatnonzero(~possible):
                wrong = made[where] == index + 1
                made[where][wrong] = mask[where][wrong]
        return made


DEFAULT_STEPS = (Step("holes"),)
"""The best steps on real scans."""


def parse_steps(text: str) -> tuple[Step, ...]:
    """Read steps from a text such as ``small=0.5,holes`` or ``none``.

    Examples
    --------
    >>> [str(step) for step in parse_steps("small=0.5, holes")], parse_steps("none")
    (['small=0.5', 'holes'], ())
    """
    if text.strip() == NONE:
        return ()
    steps = []
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        try:
            steps.append(Step(name, float(number) if equals else None))
        except ValueError as error:
            raise McwssError(
                f"the step {part.strip()!r} has no number after the sign: expected {name}=0.5"
            ) from error
    return tuple(steps)


def steps_text(steps: Sequence[Step]) -> str:
    """Write steps as `parse_steps` reads them."""
    return ",".join(map(str, steps)) or NONE


def kinds_text() -> str:
    """List all kinds with their defaults and units: ``small=0.1 (mL), holes``."""
    units = (kind.parameter.unit if kind.parameter else "" for kind in STEP_KINDS.values())
    return ", ".join(
        f"{Step(name)} ({unit})" if unit else str(Step(name))
        for name, unit in zip(STEP_KINDS, units, strict=True)
    )
