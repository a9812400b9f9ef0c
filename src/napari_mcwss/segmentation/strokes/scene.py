"""What a stroke is understood by: the scan, the evidence, and the order of the classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.model.inputs import find_foreground
from napari_mcwss.segmentation.masks.exclusive import Thresholds

_SAMPLED = 4
"""Every so many voxels along an axis are looked at to scale the intensities."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A scan with CAMs, in which strokes mend a mask.

    Attributes
    ----------
    volume : (channels, z, y, x) array of float32
        The scan, in any unit.
    cams : (classes, z, y, x) array of float32
        CAMs in 0..1; all 0 for a class without evidence.
    precedence : (classes, classes) array of bool
        Entry (a, b) is whether a is shown over b.
    thresholds : tuple of float
        CAM value of each class from which a mask is made.
    possible : (slices, classes) array of bool
        Which slices can hold a class, as far as tags say.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    foreground : (z, y, x) array of bool
        Where something can be.
    scales : (channels, 2) array of float32
        Middle and width of the intensities of each channel.
    """

    volume: NDArray[np.float32]
    cams: NDArray[np.float32]
    precedence: NDArray[np.bool_]
    thresholds: Thresholds
    possible: NDArray[np.bool_]
    spacing: tuple[float, float, float]
    foreground: NDArray[np.bool_]
    scales: NDArray[np.float32]

    def scaled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values ``(channels, z, y, x)`` of the scan on a scale that channels share."""
        middle, width = self.scales.T[:, :, None, None, None]
        scaled: NDArray[np.float32] = (values - middle) / width
        return scaled


def make_scene(
    volume: NDArray[np.float32],
    cams: NDArray[np.float32],
    precedence: NDArray[np.bool_],
    thresholds: Thresholds,
    spacing: tuple[float, float, float],
    tags: NDArray[np.int8] | None = None,
) -> Scene:
    """Prepare a scan for strokes; parameters are the attributes of `Scene`.

    `tags` are int8 ``(slices, classes)``: a class cannot be on a slice that is tagged absent.
    """
    foreground = find_foreground(volume)
    some = (slice(None, None, _SAMPLED),) * 3
    inside = foreground[some]
    scales = np.array([_scale(channel[some][inside]) for channel in volume], np.float32)
    shape = (cams.shape[1], len(cams))
    possible = np.ones(shape, bool) if tags is None else tags != 0
    return Scene(volume, cams, precedence, thresholds, possible, spacing, foreground, scales)


def _scale(values: NDArray[np.float32]) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, middle, high = np.percentile(values, (10, 50, 90))
    return float(middle), max(float(high - low), 1e-6)
