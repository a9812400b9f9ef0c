"""The curves of a training as lines of an SVG picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 200
"""Size of the plotting area in SVG units."""

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Okabe and Ito's palette: to be told apart by colour-blind readers too."""


@dataclass(frozen=True)
class Curve:
    """One curve: its name, colour, SVG points and last value."""

    name: str
    colour: str
    points: str
    last: float


@dataclass(frozen=True)
class Chart:
    """Curves and the places and texts of the ticks on both axes."""

    curves: tuple[Curve, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def chart_of(values: Mapping[str, Sequence[float]]) -> Chart | None:
    """Scale curves, one value an epoch, into the plotting area; None if there are none.

    Both axes are linear, y from 0. Values that are not finite are left out, and so are curves of a
    single value: that of one stage among epochs of another would be taken for its course.
    """
    finite = {
        name: [(epoch, v) for epoch, v in enumerate(curve, 1) if math.isfinite(v)]
        for name, curve in values.items()
    }
    kept = {name: curve for name, curve in finite.items() if len(curve) > 1}
    points = [point for curve in kept.values() for point in curve]
    if not points:
        return None
    epochs = max(epoch for epoch, _ in points)
    step = _tick_step(max(max(value for _, value in points), 1e-9))
    top = step * max(math.ceil(max(value for _, value in points) / step), 1)

    def x(epoch: float) -> float:
        return round((epoch - 1) / max(epochs - 1, 1) * WIDTH, 1)

    def y(value: float) -> float:
        return round(HEIGHT - value / top * HEIGHT, 1)

    curves = tuple(
        Curve(
            name,
            COLOURS[k % len(COLOURS)],
            " ".join(f"{x(epoch)},{y(value)}" for epoch, value in curve),
            curve[-1][1],
        )
        for k, (name, curve) in enumerate(kept.items())
    )
    every = max(round(_tick_step(epochs)), 1)
    shown = [1, *(e for e in range(every, epochs + 1, every) if e > 1)]
    return Chart(
        curves,
        tuple((x(epoch), str(epoch)) for epoch in shown),
        tuple((y(n * step), f"{n * step:g}") for n in range(round(top / step) + 1)),
    )


def _tick_step(largest: float) -> float:
    """Return 1, 2 or 5 times a power of ten that gives about four ticks."""
    power = 10.0 ** math.floor(math.log10(largest / 4))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= largest / 4)
