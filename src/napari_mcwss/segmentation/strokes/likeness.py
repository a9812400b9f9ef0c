"""How much more voxels look like a sample of theirs than like another one."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
"""Intensities ``(channels, voxels)``, in which channels are alike."""

SPREAD = 0.3
"""Standard deviation that a sample has at least, as a share of that of all voxels."""

MOST = 3.0
"""Largest log-odds of the intensities."""

_CELLS, _FINEST, _LEAST = 65536, 24, 1e-4
_EVERY = 3


def likeness(values: Values, inside: NDArray[np.bool_], outside: NDArray[np.bool_]) -> Values:
    """Return log-odds ``(voxels,)`` by which voxels look more like the inside than the outside.

    The inside, which can be a few voxels, is a normal distribution; the outside, in which there
    is tissue of many kinds, a histogram.
    """
    width = SPREAD**2 * (np.var(values[:, ::_EVERY], axis=1) + np.float32(1e-6))
    sample = values[:, inside]
    middle = sample.mean(1, keepdims=True)
    covariance = (sample - middle) @ (sample - middle).T / sample.shape[1] + np.diag(width)
    away = values - middle
    distance = (away * np.linalg.solve(covariance, away)).sum(0)
    size = np.linalg.slogdet(covariance)[1] + len(values) * np.log(2 * np.pi)
    alike = -(distance + np.float32(size)) / 2
    odds = alike - _log_density(values, values[:, outside][:, ::_EVERY])
    limited: Values = odds.clip(-MOST, MOST).astype(np.float32)
    return limited


def _log_density(values: Values, sample: Values) -> Values:
    from scipy.ndimage import gaussian_filter

    bins = min(_FINEST, int(_CELLS ** (1 / len(values))))
    low = sample.min(1, keepdims=True)
    size = (sample.max(1, keepdims=True) - low) / bins + np.float32(1e-6)
    shape = (bins,) * len(values)

    def cells(what: Values) -> NDArray[np.intp]:
        found = ((what - low) / size).astype(np.int32)
        indices: NDArray[np.intp] = np.ravel_multi_index(tuple(found.clip(0, bins - 1)), shape)
        return indices

    counts = np.bincount(cells(sample), minlength=bins ** len(values)).astype(np.float32)
    smooth = gaussian_filter(counts.reshape(shape), 1.0).ravel()
    density = smooth / (smooth.sum() * float(np.prod(size))) + _LEAST
    found: Values = np.log(density).astype(np.float32)[cells(values)]
    return found
