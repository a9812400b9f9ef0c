"""The input of networks: scans cropped, normalised and resampled, for training and prediction."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

PIXEL_TOLERANCE = 1.25
"""Factor by which pixels may be larger or smaller and still not be resampled."""

COORDINATE_SCALE = 50.0
"""Distance in mm from the centre of a scan that is 1 in the coordinate channels."""


@dataclass(frozen=True)
class InputSpec:
    """How a network reads scans, in training and prediction alike.

    Attributes
    ----------
    pixel : float
        Pixel size in mm. Networks see a fixed number of pixels, which is the
        same extent in every scan only if the pixels have the same size.
    coordinates : bool
        Whether three further channels hold the position of a pixel relative to
        the centre of the scan along z, y, x, for aligned scans.
    """

    pixel: float = 1.0
    coordinates: bool = False

    def channels(self, scan_channels: int) -> int:
        """Return the number of input channels for scans with the given number of channels."""
        return scan_channels + 3 * self.coordinates


@dataclass(frozen=True)
class Inputs:
    """The slices of one scan, cropped to the foreground, normalised, at the network's pixel size.

    Attributes
    ----------
    images : Tensor
        Float16 ``(slices, channels, h, w)`` with mean 0 and standard deviation 1
        over the foreground, 0 in the background.
    foreground : Tensor
        Bool ``(slices, 1, h, w)``.
    window : tuple of slice
        Rows and columns of the crop in the scan's slice.
    size : tuple of int
        Height and width of the scan's slice.
    """

    images: Tensor
    foreground: Tensor
    window: tuple[slice, slice]
    size: tuple[int, int]

    @property
    def occupied(self) -> Tensor:
        """Indices of the slices with foreground."""
        return self.foreground.flatten(1).any(1).nonzero().squeeze(1)

    def restore(self, maps: Tensor) -> Tensor:
        """Resample maps ``(slices, classes, h, w)`` to the scan's own pixels within the crop."""
        rows, columns = self.window
        return resample(maps, (rows.stop - rows.start, columns.stop - columns.start))


def find_foreground(volume: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Separate the foreground from a constant background.

    If the eight corners of a channel have the same value (air in CT, zero after
    skull stripping), that is its background value. Background voxels have this value
    in every such channel. Without such a channel everything is foreground.

    Parameters
    ----------
    volume : ndarray
        ``(channels, z, y, x)``.

    Returns
    -------
    ndarray
        Bool ``(z, y, x)``.
    """
    corners = volume[:, [0, -1]][:, :, [0, -1]][..., [0, -1]].reshape(len(volume), -1)
    constant = (corners == corners[:, :1]).all(1)
    if not constant.any():
        return np.ones(volume.shape[1:], bool)
    foreground = np.zeros(volume.shape[1:], bool)
    for channel, background in zip(volume[constant], corners[constant, 0], strict=True):
        foreground |= channel != background
    return foreground


def prepare(
    volume: NDArray[np.float32],
    spacing: tuple[float, float, float],
    input_spec: InputSpec = InputSpec(),
    slices: Tensor | None = None,
) -> Inputs:
    """Crop a volume to its foreground, normalise each channel over it, and resample the slices.

    Parameters
    ----------
    volume : ndarray
        Float32 ``(channels, z, y, x)``, in any unit.
    spacing : tuple of float
        Voxel size (z, y, x) in mm. Only y and x are resampled.
    input_spec : InputSpec
        How the network reads scans.
    slices : Tensor, optional
        Indices of the slices to return; all if not given. They do not change what the crop and
        the normalisation are.
    """
    foreground = find_foreground(volume)
    outline = np.logical_or.reduce(foreground)
    rows, columns = _extent(outline, 0), _extent(outline, 1)
    inside = foreground[:, rows, columns]
    cropped = volume[:, :, rows, columns]
    chosen = inside if slices is None else inside[slices.numpy()]
    images = np.zeros((len(chosen), len(cropped), *cropped.shape[2:]), np.float16)
    for index, channel in enumerate(cropped):
        values = channel[inside]
        if values.size:
            mean, deviation = values.mean(dtype=np.float64), values.std(dtype=np.float64)
            if slices is not None:
                values = channel[slices.numpy()][chosen]
            normal = (values - np.float32(mean)) / np.float32(max(deviation, 1e-6))
            # Float16 halves the memory of a training; outliers must not overflow it.
            images[:, index][chosen] = normal.clip(-20, 20)
    size = _working_size(cropped.shape[2:], spacing[1:], input_spec.pixel)
    covered = resample(torch.from_numpy(np.ascontiguousarray(chosen))[:, None].half(), size)
    resampled = resample(torch.from_numpy(images), size)
    if input_spec.coordinates:
        place = coordinates(volume.shape[1:], spacing, (rows, columns), size)
        resampled = torch.cat([resampled, place if slices is None else place[slices]], 1)
    return Inputs(resampled, covered > 0.5, (rows, columns), (volume.shape[2], volume.shape[3]))


def coordinates(
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
    window: tuple[slice, slice],
    size: tuple[int, int],
) -> Tensor:
    """Return positions relative to the centre of a scan: float16 ``(slices, 3, h, w)``.

    Parameters
    ----------
    shape, spacing : tuple
        Of the scan: ``(slices, rows, columns)``, and voxel size (z, y, x) in mm.
    window : tuple of slice
        Rows and columns whose positions are returned.
    size : tuple of int
        Number of rows and columns that they become.
    """
    parts, counts = (slice(0, shape[0]), *window), (shape[0], *size)
    axes = []
    for part, count, voxels, millimetres in zip(parts, counts, shape, spacing, strict=True):
        step = (part.stop - part.start) / count
        centres = part.start + step * (torch.arange(count) + 0.5)
        axes.append((centres - voxels / 2) * millimetres / COORDINATE_SCALE)
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), 1).half()


def resample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample maps ``(slices, channels, h, w)`` to a size; return them as they are if equal."""
    if tuple(maps.shape[-2:]) == size:
        return maps
    return F.interpolate(maps.float(), size, mode="bilinear", antialias=True).to(maps.dtype)


def resample_labels(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample label images, uint8 ``(slices, h, w)``: a pixel gets the label that covers most."""
    if tuple(labels.shape[-2:]) == size:
        return labels
    values = range(int(labels.max()) + 1 if labels.numel() else 1)
    # Nearest neighbours would be displaced relative to the resampled images.
    shares = [resample((labels == label)[:, None].half(), size)[:, 0] for label in values]
    return torch.stack(shares).argmax(0).to(torch.uint8)


def _working_size(
    size: tuple[int, ...], spacing: tuple[float, ...], pixel: float
) -> tuple[int, int]:
    factors = [millimetres / pixel for millimetres in spacing]
    if all(1 / PIXEL_TOLERANCE <= factor <= PIXEL_TOLERANCE for factor in factors):
        factors = [1.0, 1.0]
    height, width = (max(1, round(n * f)) for n, f in zip(size, factors, strict=True))
    return height, width


def _extent(outline: NDArray[np.bool_], axis: int) -> slice:
    """Return the range of an axis that holds any True; the whole axis if there is none."""
    indices = np.nonzero(outline)[axis]
    if not indices.size:
        return slice(0, outline.shape[axis])
    return slice(int(indices.min()), int(indices.max()) + 1)
