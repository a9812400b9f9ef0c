"""What a kind of step is, and what it may look at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.masks.exclusive import Thresholds


@dataclass(frozen=True, eq=False)
class StepContext:
    """What a step can read besides the mask.

    `allowed` comes from `allowed_slices`, and `precedence` is that of `exclusive_mask`.

    Attributes
    ----------
    cams : (classes, z, y, x) array of float32
        CAMs in 0..1.
    thresholds : tuple of float
        CAM value of each class from which the mask was made.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    read : callable
        Reads the scan, float32 ``(channels, z, y, x)``; called once, by the first step that
        looks at the scan.
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

    def scaled_image(self, part: tuple[slice, ...]) -> NDArray[np.float32]:
        """Return a part of the scan, ``(z, y, x, channels)``, each channel scaled to 0..1."""
        return np.stack([_scaled(channel[part]) for channel in self.image], axis=-1)


@dataclass(frozen=True)
class Parameter:
    """The parameter of a kind of step: what it sets, its unit, default value and range."""

    unit: str
    meaning: str
    default: float
    low: float
    high: float


@dataclass(frozen=True)
class StepKind:
    """A kind of step from one exclusive mask to a better one.

    Attributes
    ----------
    name : str
        As the command line and records spell it.
    apply : callable
        Makes a new mask from a mask, the `StepContext` and the value of the parameter.
    at_once : bool
        Whether it treats each slice alone, keeps classes to allowed slices, and is fast
        enough to follow a slider.
    """

    name: str
    title: str
    explanation: str
    apply: Callable[[NDArray[np.uint8], StepContext, float], NDArray[np.uint8]]
    parameter: Parameter | None = None
    at_once: bool = False


def _scaled(channel: NDArray[np.float32]) -> NDArray[np.float32]:
    # Without the percentiles, a few outliers would make all other intensities alike.
    low, high = np.percentile(channel, (0.5, 99.5))
    scaled = ((channel - low) / max(high - low, 1e-6)).clip(0, 1)
    return np.asarray(scaled, np.float32)
