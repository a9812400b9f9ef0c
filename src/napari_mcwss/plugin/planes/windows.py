"""Windows: which values of a channel are shown black, and which white."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.plugin.shared.colormaps import contrast

Limits = tuple[float, float]

_STEP = 4
"""Every so many voxels are looked at, along each axis."""


@dataclass(frozen=True)
class Window:
    """A window, and how its limits follow from the voxels ``(z, y, x)`` of a channel."""

    title: str
    limits: Callable[[NDArray[np.generic]], Limits]


def windows_for(voxels: NDArray[np.generic]) -> dict[str, Window]:
    """Return the windows that suit a channel, by name: of tissues for CT, else of percentiles."""
    return CT if is_ct(voxels) else OTHERS


def is_ct(voxels: NDArray[np.generic]) -> bool:
    """Tell whether values look like Hounsfield units: of air around or in soft tissue."""
    sample = np.asarray(voxels[::_STEP, ::_STEP, ::_STEP], np.float32)
    air = ((sample > -1100) & (sample < -800)).mean()
    tissue = ((sample > -200) & (sample < 200)).mean()
    return bool(air > 0.01 and tissue > 0.01 and sample.min() > -10_000)


def _fixed(centre: float, width: float) -> Callable[[NDArray[np.generic]], Limits]:
    return lambda _: (centre - width / 2, centre + width / 2)


def _percentiles(low: float, high: float) -> Callable[[NDArray[np.generic]], Limits]:
    """Return a function for percentiles of the voxels above the background, the lowest value."""

    def limits(voxels: NDArray[np.generic]) -> Limits:
        sample = voxels[::_STEP, ::_STEP, ::_STEP]
        sample = sample[sample > sample.min()]
        if not sample.size:
            return contrast(voxels)
        first, last = (float(value) for value in np.percentile(sample, (low, high)))
        return first, last if last > first else first + 1

    return limits


def _all(voxels: NDArray[np.generic]) -> Limits:
    low, high = float(voxels.min()), float(voxels.max())
    return low, high if high > low else low + 1


_COMMON = {"default": Window("default", contrast), "all": Window("all values", _all)}

CT = {
    **_COMMON,
    "brain": Window("brain, 0 to 80 HU", _fixed(40, 80)),
    "soft tissue": Window("soft tissue, -150 to 250 HU", _fixed(50, 400)),
    "liver": Window("liver, -45 to 105 HU", _fixed(30, 150)),
    "lung": Window("lung, -1350 to 150 HU", _fixed(-600, 1500)),
    "bone": Window("bone, -500 to 1300 HU", _fixed(400, 1800)),
}
"""Windows for CT."""

OTHERS = {
    **_COMMON,
    "percentiles": Window("1 to 99 %", _percentiles(1, 99)),
    "tight": Window("5 to 95 %", _percentiles(5, 95)),
}
"""Windows for MR and all else whose values have no fixed meaning."""
