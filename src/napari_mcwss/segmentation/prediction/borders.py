"""Borders from the scan itself: its intensities tell the two sides of a border apart.

A network that learnt from tags finds the middle of a region better than its border, because
the brightness of a lesion differs from scan to scan.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from napari_mcwss.segmentation.masks.exclusive import GATE, THRESHOLD
from napari_mcwss.segmentation.masks.holes import find_holes

STRENGTH = 0.6
"""Weight of the intensities' log-odds, below 1 as neighbouring voxels are correlated."""

ROUNDS = 3
"""Number of estimates of the intensities on both sides."""

SAMPLE = 0.7
"""Voxels are samples of the inside from this CAM value on, of the outside up to 1 minus it."""

ALIKE = 0.25
"""Largest overlap of the sides' histograms with which the scan is followed."""

CERTAIN = 0.75
"""Voxels are inside from this probability on, outside below 1 minus it; floods decide between."""

EDGE = 1.5
"""Standard deviation in mm of the Gaussian for edges."""

TRUNCATE = 4.0
"""Standard deviations at which that Gaussian ends."""

SMOOTHING = (0.5, 1.0, 1.0)
"""Standard deviation in voxels (z, y, x) of the Gaussian for probabilities."""

FEWEST = 100
"""Smallest number of voxels from which intensities are estimated."""

# As many cells as 16 bits can number.
_CELLS, _FINEST = 2**16, 40
_TRUST = (0.02, 0.98)
_ODDS = 4.0
_BELOW = np.nextafter(np.float32(THRESHOLD), np.float32(0))


def follow_image(
    cams: NDArray[np.float32],
    scores: NDArray[np.float32],
    image: NDArray[np.float32],
    foreground: NDArray[np.bool_],
    spacing: tuple[float, float, float],
    parents: Sequence[int],
) -> None:
    """Move the borders of CAMs to those of the scan, in place.

    For each class, on the slices that can hold it, the intensities inside and outside are
    estimated as histograms over all channels, and the probability of each voxel follows by
    Bayes' rule, in several rounds (as in Rother, Kolmogorov, Blake, *GrabCut*, ACM Trans Graph
    2004, with the CAM in place of a user's box and without the graph). Uncertain voxels are
    flooded from both sides up to the edges of the image (watershed). Pieces that touch no
    voxel of which the CAM was sure are removed. A class inside another is separated from that
    class alone. If the two sides look alike, the CAM is left as it is.

    Afterwards CAMs are at least `THRESHOLD` inside, and below it outside.

    Scores are in 0..1, the image in any units, the spacing (z, y, x) in mm.

    Parameters
    ----------
    cams : (classes, z, y, x) array of float32
        CAMs in 0..1, changed in place; that of a class with a parent is its share in the
        parent.
    parents : sequence of int
        Index of each class's parent, -1 for none.
    """
    possible = np.flatnonzero((scores >= GATE).any(1))
    if not possible.size:
        return
    part = slice(possible[0], possible[-1] + 1)
    cams, scores, image, foreground = cams[:, part], scores[part], image[:, part], foreground[part]
    for index in sorted(range(len(cams)), key=lambda k: len(_ancestors(parents, k))):
        domain = foreground & (scores[:, index] >= GATE)[:, None, None]
        for ancestor in _ancestors(parents, index):
            domain &= cams[ancestor] >= THRESHOLD
        # The CAM is high around a region, too: the network sees the region from there.
        sample = SAMPLE if parents[index] < 0 else 0.0
        sure = max(sample, THRESHOLD)
        seeds = domain & (cams[index] >= sure)
        opposed = domain & (cams[index] <= 1 - sure)
        if np.count_nonzero(domain) < FEWEST or not seeds.any() or not opposed.any():
            continue
        probability = _probability(cams[index], image, domain, sample)
        if probability is None:
            continue
        inside = _flooded(probability, image, domain, spacing)
        inside &= _connected(inside, seeds)
        inside |= find_holes(inside) & domain
        cams[index][domain] = np.where(
            inside, np.maximum(probability, THRESHOLD), np.minimum(probability, _BELOW)
        )[domain]


def _ancestors(parents: Sequence[int], index: int) -> list[int]:
    parent = parents[index]
    return [] if parent < 0 else [parent, *_ancestors(parents, parent)]


def _probability(
    cam: NDArray[np.float32], image: NDArray[np.float32], domain: NDArray[np.bool_], sample: float
) -> NDArray[np.float32] | None:
    """Return the probability of each voxel to be inside, or None if both sides look alike."""
    cells, shape = _cells(image, domain)
    known = cam[domain]
    if sample and _overlap(cells, shape, known) > ALIKE:
        return None
    return _spread(_by_intensity(known, cells, shape, sample), domain)


def _overlap(
    cells: NDArray[np.uint16], shape: tuple[int, ...], known: NDArray[np.float32]
) -> float:
    """Return the overlap, 0..1, of the histograms of both sides' samples."""
    sides = [_log_density(cells, shape, side) for side in _sides(known, SAMPLE)]
    return float(np.exp(np.minimum(*sides)).sum())


def _sides(
    probability: NDArray[np.float32], sample: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weights of voxels as samples of the inside and the outside."""
    return np.maximum(probability - sample, 0), np.maximum(1 - sample - probability, 0)


def _by_intensity(
    known: NDArray[np.float32], cells: NDArray[np.uint16], shape: tuple[int, ...], sample: float
) -> NDArray[np.float32]:
    """Return the probability of each voxel in the domain, from CAM and intensities."""
    trusted = np.clip(known, *_TRUST)
    prior = np.log(trusted) - np.log1p(-trusted)
    probability = known
    for _ in range(ROUNDS):
        inside, outside = (_log_density(cells, shape, s) for s in _sides(probability, sample))
        odds = np.clip(inside - outside, -_ODDS, _ODDS).astype(np.float32)
        probability = 1 / (1 + np.exp(-prior - STRENGTH * odds[cells]))
    return probability


def _spread(values: NDArray[np.float32], domain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the domain's values as a smoothed volume, 0 outside."""
    spread = np.zeros(domain.shape, np.float32)
    spread[domain] = values
    ndimage.gaussian_filter(spread, SMOOTHING, output=spread)
    share = ndimage.gaussian_filter(domain.astype(np.float32), SMOOTHING)
    spread /= np.maximum(share, np.float32(1e-3), out=share)
    spread[~domain] = 0
    return spread


def _cells(
    image: NDArray[np.float32], domain: NDArray[np.bool_]
) -> tuple[NDArray[np.uint16], tuple[int, ...]]:
    count = min(_FINEST, int(_CELLS ** (1 / len(image))))
    cells = np.zeros(np.count_nonzero(domain), np.uint16)
    for channel in image:
        values = channel[domain]
        low, high = np.quantile(values, [0.005, 0.995])
        place = (values - low) * (count / max(high - low, 1e-6))
        cells = cells * np.uint16(count) + place.clip(0, count - 1).astype(np.uint16)
    return cells, (count,) * len(image)


def _log_density(
    cells: NDArray[np.uint16], shape: tuple[int, ...], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    counts = np.bincount(cells, weights, int(np.prod(shape))).reshape(shape)
    smooth = ndimage.gaussian_filter(counts, 1)
    density: NDArray[np.float64] = np.log(smooth / max(smooth.sum(), 1e-6) + 1e-7).ravel()
    return density


def _edges(
    image: NDArray[np.float32], box: tuple[slice, ...], spacing: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Return the strength of edges in a box over all channels, each in units of its deviation."""
    sigma = np.divide(EDGE, spacing)
    # As far as the Gaussian reaches beyond the box.
    reaches = np.ceil(TRUNCATE * sigma).astype(int) + 1
    wider = [
        slice(max(0, side.start - n), side.stop + n) for side, n in zip(box, reaches, strict=True)
    ]
    inner = tuple(
        slice(side.start - wide.start, side.stop - wide.start)
        for side, wide in zip(box, wider, strict=True)
    )
    squares = np.zeros([side.stop - side.start for side in box], np.float32)
    for channel in image:
        gradient = ndimage.gaussian_gradient_magnitude(
            channel[tuple(wider)], sigma, truncate=TRUNCATE
        )[inner]
        squares += (gradient / max(float(channel.std()), 1e-6)) ** 2
    return np.sqrt(squares)


def _flooded(
    probability: NDArray[np.float32],
    image: NDArray[np.float32],
    domain: NDArray[np.bool_],
    spacing: tuple[float, float, float],
) -> NDArray[np.bool_]:
    """Return the inside: floods from certain voxels of both sides meet at edges."""
    markers = np.zeros(probability.shape, np.int8)
    markers[domain & (probability > CERTAIN)] = 2
    markers[~domain | (probability < 1 - CERTAIN)] = 1
    uncertain = markers == 0
    inside: NDArray[np.bool_] = domain & (probability >= THRESHOLD)
    # A flood from one side alone would take all.
    if not uncertain.any() or not (markers == 2).any() or not (markers[domain] == 1).any():
        return inside
    # Flood from the voxels next to uncertain ones alone, which is faster.
    shore = uncertain | ndimage.binary_dilation(uncertain)
    (box,) = ndimage.find_objects(shore.view(np.uint8))
    there = markers[box]
    flooded = watershed(_edges(image, box, spacing), there, mask=shore[box])
    np.copyto(there, flooded, where=shore[box])
    return np.equal(markers, 2)


def _connected(mask: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the connected pieces of a mask that hold a seed."""
    pieces, count = ndimage.label(mask)
    seeded = np.zeros(count + 1, bool)
    seeded[pieces[seeds]] = True
    seeded[0] = False
    connected: NDArray[np.bool_] = seeded[pieces]
    return connected
