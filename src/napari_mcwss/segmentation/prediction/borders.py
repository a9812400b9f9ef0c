"""Borders from the scan itself: its own intensities say where what was found ends.

A network that learnt from the tags of other scans finds the middle of a region
better than its border: how bright a lesion is differs from scan to scan, and a
threshold that is right for one is too high for the next. Within a scan the
two sides of a border differ from each other.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from napari_mcwss.segmentation.masks.exclusive import GATE, THRESHOLD
from napari_mcwss.segmentation.masks.holes import find_holes

STRENGTH = 0.6
"""Weight of the intensities' log-odds: neighbouring voxels say much the same."""

ROUNDS = 3
"""How often the intensities of both sides are learnt anew."""

SAMPLE = 0.7
"""From this value of a map on, and up to 1 minus it, voxels show what the sides look like."""

ALIKE = 0.25
"""Share that the histograms of such voxels may have in common; more, and nothing is followed."""

CERTAIN = 0.75
"""From this probability on a voxel is inside, from 1 minus it on outside; floods decide between."""

EDGE = 1.5
"""Standard deviation in mm of the Gaussian that edges are found with."""

SMOOTHING = (0.5, 1.0, 1.0)
"""Standard deviation in voxels (z, y, x) of the Gaussian that probabilities are smoothed with."""

FEWEST = 100
"""Voxels that intensities can be learnt from."""

_CELLS, _FINEST = 65536, 40
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
    """Let maps follow the scan that they were made of, in place.

    For each class, on the slices that can hold it: the intensities inside and
    outside, as histograms over all channels; by Bayes' rule the probability
    of every voxel (as in Rother, Kolmogorov, Blake, *GrabCut*, ACM Trans Graph
    2004, with the map in place of a user's box and without the graph); some
    rounds of both. What stays uncertain is flooded from both sides up to the
    edges of the image (watershed). What has no connection to what the map
    itself was sure of is nothing. A class that lies in another is told from
    that one alone, inside of it.

    Anatomy has neighbours that look like it: where the sides are alike, the map
    is left as it is.

    Afterwards maps are at least `THRESHOLD` inside, and below it outside.

    Parameters
    ----------
    cams : ndarray
        Float32 ``(classes, z, y, x)`` in 0..1, that of a class with a parent its
        share inside the parent; changed.
    scores : ndarray
        ``(slices, classes)`` in 0..1.
    image : ndarray
        Float32 ``(channels, z, y, x)``, any units.
    foreground : ndarray
        Bool ``(z, y, x)``: what is not background.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    parents : sequence of int
        Index of each class's parent, -1 for none.
    """
    possible = np.flatnonzero((scores >= GATE).any(1))
    if not possible.size:
        return
    part = slice(possible[0], possible[-1] + 1)
    cams, scores, image, foreground = cams[:, part], scores[part], image[:, part], foreground[part]
    edges = _edges(image, spacing)
    for index in sorted(range(len(cams)), key=lambda k: len(_ancestors(parents, k))):
        domain = foreground & (scores[:, index] >= GATE)[:, None, None]
        for ancestor in _ancestors(parents, index):
            domain &= cams[ancestor] >= THRESHOLD
        # Around a region its map is high as well: the network sees the region from there.
        sample = SAMPLE if parents[index] < 0 else 0.0
        sure = max(sample, THRESHOLD)
        seeds = domain & (cams[index] >= sure)
        opposed = domain & (cams[index] <= 1 - sure)
        if np.count_nonzero(domain) < FEWEST or not seeds.any() or not opposed.any():
            continue
        cells, shape = _cells(image, domain)
        known = cams[index][domain]
        if sample and _overlap(cells, shape, known) > ALIKE:
            continue
        probability = _spread(_by_intensity(known, cells, shape, sample), domain)
        inside = _flooded(probability, edges, domain)
        inside &= _connected(inside, seeds)
        inside |= find_holes(inside) & domain
        cams[index][domain] = np.where(
            inside, np.maximum(probability, THRESHOLD), np.minimum(probability, _BELOW)
        )[domain]


def _ancestors(parents: Sequence[int], index: int) -> list[int]:
    parent = parents[index]
    return [] if parent < 0 else [parent, *_ancestors(parents, parent)]


def _overlap(cells: NDArray[np.intp], shape: tuple[int, ...], known: NDArray[np.float32]) -> float:
    """Give the share, 0..1, that the histograms of both sides' certain voxels have in common."""
    sides = [_log_density(cells, shape, side) for side in _sides(known, SAMPLE)]
    return float(np.exp(np.minimum(*sides)).sum())


def _sides(
    probability: NDArray[np.float32], sample: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the weights with which voxels show what inside and outside look like."""
    return np.maximum(probability - sample, 0), np.maximum(1 - sample - probability, 0)


def _by_intensity(
    known: NDArray[np.float32], cells: NDArray[np.intp], shape: tuple[int, ...], sample: float
) -> NDArray[np.float32]:
    """Give the probability of each of the domain's voxels, by the map and the intensities."""
    trusted = np.clip(known, *_TRUST)
    prior = np.log(trusted) - np.log1p(-trusted)
    probability = known
    for _ in range(ROUNDS):
        inside, outside = (_log_density(cells, shape, s) for s in _sides(probability, sample))
        odds = np.clip(inside - outside, -_ODDS, _ODDS).astype(np.float32)
        probability = 1 / (1 + np.exp(-prior - STRENGTH * odds[cells]))
    return probability


def _spread(values: NDArray[np.float32], domain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Put the domain's values in their places and smooth them; 0 outside."""
    spread = np.zeros(domain.shape, np.float32)
    spread[domain] = values
    share = ndimage.gaussian_filter(domain.astype(np.float32), SMOOTHING)
    smooth = ndimage.gaussian_filter(spread, SMOOTHING) / np.maximum(share, np.float32(1e-3))
    return np.where(domain, smooth, np.float32(0))


def _cells(
    image: NDArray[np.float32], domain: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], tuple[int, ...]]:
    """Put the intensities of the domain's voxels into cells, over all channels at once."""
    count = min(_FINEST, int(_CELLS ** (1 / len(image))))
    shape = (count,) * len(image)
    channels = []
    for channel in image:
        values = channel[domain]
        low, high = np.quantile(values, [0.005, 0.995])
        cells = (values - low) * (count / max(high - low, 1e-6))
        channels.append(cells.clip(0, count - 1).astype(np.intp))
    return np.ravel_multi_index(channels, shape), shape


def _log_density(
    cells: NDArray[np.intp], shape: tuple[int, ...], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    counts = np.bincount(cells, weights, int(np.prod(shape))).reshape(shape)
    smooth = ndimage.gaussian_filter(counts, 1)
    density: NDArray[np.float64] = np.log(smooth / max(smooth.sum(), 1e-6) + 1e-7).ravel()
    return density


def _edges(image: NDArray[np.float32], spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """Give the strength of edges, all channels together, each in units of its deviation."""
    sigma = np.divide(EDGE, spacing)
    squares = np.zeros(image.shape[1:], np.float32)
    for channel in image:
        gradient = ndimage.gaussian_gradient_magnitude(channel, sigma)
        squares += (gradient / max(float(channel.std()), 1e-6)) ** 2
    return np.sqrt(squares)


def _flooded(
    probability: NDArray[np.float32], edges: NDArray[np.float32], domain: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell inside from outside: floods from what is certain meet at the edges."""
    markers = np.zeros(probability.shape, np.int8)
    markers[domain & (probability > CERTAIN)] = 2
    markers[~domain | (probability < 1 - CERTAIN)] = 1
    uncertain = markers == 0
    inside: NDArray[np.bool_] = domain & (probability >= THRESHOLD)
    # A flood from one side alone would take all.
    if not uncertain.any() or not (markers == 2).any() or not (markers[domain] == 1).any():
        return inside
    # Floods begin at the shores: what lies behind them takes time and no part.
    shore = uncertain | ndimage.binary_dilation(uncertain)
    markers[shore] = watershed(edges, markers, mask=shore)[shore]
    flooded: NDArray[np.bool_] = markers == 2
    return flooded


def _connected(mask: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which pieces of a mask hold a seed."""
    pieces, count = ndimage.label(mask)
    seeded = np.zeros(count + 1, bool)
    seeded[pieces[seeds]] = True
    seeded[0] = False
    connected: NDArray[np.bool_] = seeded[pieces]
    return connected
