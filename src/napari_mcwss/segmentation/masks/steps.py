"""Optional steps from one exclusive mask to a better one, each with at most one parameter.

Steps never give a slice a class that cannot be on it. What is best by default
was measured on real scans: see ``docs/results.md``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.masks import edges, shape
from napari_mcwss.segmentation.masks.exclusive import Thresholds


@dataclass(frozen=True, eq=False)
class StepContext:
    """What steps may look at beside the mask.

    Attributes
    ----------
    cams : ndarray
        Float32 ``(classes, z, y, x)`` in 0..1.
    allowed : ndarray
        Bool ``(slices, classes)``: where a class can be.
    precedence : ndarray
        Bool ``(classes, classes)``: a is shown over b.
    thresholds : tuple of float
        CAM value of each class that the mask was made with.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    read : callable
        Gives the scan, float32 ``(channels, z, y, x)``; called at most once,
        and only by steps that look at it.
    """

    cams: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    precedence: NDArray[np.bool_]
    thresholds: Thresholds
    spacing: tuple[float, float, float]
    read: Callable[[], NDArray[np.float32]]

    @cached_property
    def image(self) -> NDArray[np.float32]:
        """The scan."""
        return self.read()


@dataclass(frozen=True)
class Parameter:
    """The parameter of a kind of step.

    Attributes
    ----------
    unit, meaning : str
        Such as "mm", and what is set.
    default, low, high : float
        Its value if none is given, and its range.
    """

    unit: str
    meaning: str
    default: float
    low: float
    high: float


@dataclass(frozen=True)
class StepKind:
    """A kind of step.

    Attributes
    ----------
    title, explanation : str
        As users read them.
    parameter : Parameter or None
        What can be set.
    at_once : bool
        Whether it acts on each slice for itself, knows where classes can be, and is so fast
        that it can follow a slider.
    apply : callable
        Makes a new mask of a mask, the `StepContext` and the parameter's value.
    """

    title: str
    explanation: str
    parameter: Parameter | None
    apply: Callable[[NDArray[np.uint8], StepContext, float], NDArray[np.uint8]]
    at_once: bool = False


def _follow_edges(mask: NDArray[np.uint8], context: StepContext, sure: float) -> NDArray[np.uint8]:
    return edges.random_walk(
        mask,
        context.image,
        context.cams,
        context.precedence,
        context.thresholds,
        sure,
        context.spacing,
    )


def _snap(mask: NDArray[np.uint8], context: StepContext, size: float) -> NDArray[np.uint8]:
    return edges.snap_to_superpixels(mask, context.image, size, context.spacing)


def _smooth(mask: NDArray[np.uint8], context: StepContext, sigma: float) -> NDArray[np.uint8]:
    return shape.smooth_across(mask, len(context.cams), sigma / context.spacing[0])


def _leave_out(mask: NDArray[np.uint8], context: StepContext, volume: float) -> NDArray[np.uint8]:
    voxels = volume * 1000 / float(np.prod(context.spacing))
    return shape.leave_out_small(mask, context.precedence, voxels)


def _fill(mask: NDArray[np.uint8], context: StepContext, _: float) -> NDArray[np.uint8]:
    return shape.fill_holes(mask, context.allowed, context.precedence)


STEP_KINDS: dict[str, StepKind] = {
    "edges": StepKind(
        "Follow edges",
        "Where the evidence is doubtful, the scan decides: a random walk from what is sure",
        Parameter("", "evidence that counts as sure", 0.6, 0.5, 0.99),
        _follow_edges,
    ),
    "superpixels": StepKind(
        "Snap to superpixels",
        "Small regions of alike voxels get the class that most of their voxels have",
        Parameter("mm", "size of a region", 4.0, 2.0, 20.0),
        _snap,
    ),
    "smooth": StepKind(
        "Smooth across slices",
        "Borders that jump from slice to slice become even",
        Parameter("mm", "standard deviation across slices", 2.0, 0.5, 20.0),
        _smooth,
    ),
    "small": StepKind(
        "Leave out small pieces",
        "Connected pieces of less volume go to what is around them",
        Parameter("mL", "smallest volume that is kept", 0.1, 0.01, 100.0),
        _leave_out,
    ),
    "holes": StepKind(
        "Fill holes", "What a class encloses on a slice belongs to it", None, _fill, True
    ),
}
"""All kinds of steps by name, in the order in which they are best taken."""

NONE = "none"
"""Stands for no step at all."""


@dataclass(frozen=True)
class Step:
    """A step with its parameter.

    Attributes
    ----------
    name : str
        Of `STEP_KINDS`.
    value : float, optional
        Of its parameter; the default if not given.

    Raises
    ------
    McwssError
        If there is no such kind, or the value is out of its range.

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
        return self.name if self.value is None else f"{self.name}={self.value:g}"

    def apply(self, mask: NDArray[np.uint8], context: StepContext) -> NDArray[np.uint8]:
        """Make a new mask; the old one is left as it is."""
        made = STEP_KINDS[self.name].apply(mask, context, self.value or 0.0)
        if STEP_KINDS[self.name].at_once:
            return made
        for index, possible in enumerate(context.allowed.T):
            # A step that looks across slices or at the image knows nothing of tags.
            for where in np.flatnonzero(~possible):
                wrong = made[where] == index + 1
                made[where][wrong] = mask[where][wrong]
        return made


DEFAULT_STEPS = (Step("holes"),)
"""What measured best on real scans."""


def parse_steps(text: str) -> tuple[Step, ...]:
    """Read steps as ``small=0.5,holes``; ``none`` for none.

    Raises
    ------
    McwssError
        If there is no such step, or its number is none or out of its range.

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
                f"the step {part.strip()!r} has no number behind the sign: expected {name}=0.5"
            ) from error
    return tuple(steps)


def steps_text(steps: Sequence[Step]) -> str:
    """Write steps as `parse_steps` reads them."""
    return ",".join(map(str, steps)) or NONE


def refined(
    mask: NDArray[np.uint8], context: StepContext, steps: Sequence[Step]
) -> list[NDArray[np.uint8]]:
    """Take steps one after another.

    Parameters
    ----------
    mask : ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 class k.
    context : StepContext
        What the steps may look at.
    steps : sequence of Step
        In their order.

    Returns
    -------
    list of ndarray
        The mask as it was, and as it is after each step.
    """
    stages = [mask]
    for step in steps:
        stages.append(step.apply(stages[-1], context))
    return stages
