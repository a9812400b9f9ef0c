"""The region that grows from a stroke: what looks like it, around it, up to the edges."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.strokes.grid import Grid, grid_around
from napari_mcwss.segmentation.strokes.likeness import likeness
from napari_mcwss.segmentation.strokes.scene import Scene
from napari_mcwss.segmentation.strokes.walk import walk

Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]

LEVELS = ((18.0, 1.0), (36.0, 2.0), (72.0, 4.0))
"""Margins of boxes around a stroke, and sizes of their blocks, in mm: the next box, which is
coarser, is taken if the region touches a side of one."""

REACH = 30.0
"""Distance in mm over which a stroke loses its influence."""

HEAD_START = 0.5
"""Log-odds of the region at the stroke, beside those of intensities and evidence."""

EVIDENCE = 0.7
"""Weight of the CAM's log-odds."""

RIVALRY = 4.0
"""Distance in mm by which an earlier stroke has to be nearer to count e times as much."""

ROUNDS = 2
"""Number of estimates of the intensities."""

_TRUST = (0.02, 0.98)
_HALF = 0.5


@dataclass(frozen=True, eq=False)
class Question:
    """Which voxels change with those of a stroke.

    Attributes
    ----------
    path : (voxels, 3) array of int
        Voxels of the stroke.
    radius : float
        Its radius in mm.
    shape : tuple of int
        Shape (z, y, x) of the scan.
    free : callable
        Returns the voxels in a box of the scan that can change, bool ``(z, y, x)``.
    held : (voxels, 3) array of int
        Voxels of earlier strokes, which do not change.
    cam : (z, y, x) array of float32, or None
        CAM of the class that decides; None if there is none.
    threshold : float
        Its threshold.
    sign : int
        1 if voxels with a higher CAM change rather, -1 if those with a lower one.
    """

    path: NDArray[np.intp]
    radius: float
    shape: tuple[int, ...]
    free: Callable[[tuple[slice, ...]], Flags]
    held: NDArray[np.intp]
    cam: Floats | None
    threshold: float
    sign: int


def grow_region(question: Question, scene: Scene) -> tuple[tuple[slice, ...], Flags]:
    """Return a box of the scan, and in it the voxels that change, bool ``(z, y, x)``."""
    low, high = question.path.min(0), question.path.max(0)
    shape = question.shape
    for margin, block in LEVELS:
        grid = grid_around(low, high, margin, block, shape, scene.spacing)
        region = _region_in(grid, question, scene)
        if not _touches(region, grid.part, shape):
            break
    return grid.part, region


def _touches(region: Flags, part: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    """Tell whether a region touches a side of its box that is not one of the scan."""
    for axis, (side, size) in enumerate(zip(part, shape, strict=True)):
        if side.start > 0 and region.take(0, axis).any():
            return True
        if side.stop < size and region.take(-1, axis).any():
            return True
    return False


def _region_in(grid: Grid, question: Question, scene: Scene) -> Flags:
    free = question.free(grid.part)
    drawn = _voxels_in(grid.part, question.path)
    held = _voxels_in(grid.part, question.held)
    free &= ~held
    spacing = tuple(np.multiply(scene.spacing, grid.step).tolist())
    marked = grid.mean(drawn.astype(np.float32)) > 0
    domain = (grid.mean(free.astype(np.float32)) >= _HALF) | marked
    distance = _distance(marked, spacing)
    seeds = (distance <= question.radius) & domain
    odds = HEAD_START - distance / REACH
    if held.any():
        # Where an earlier stroke is nearer, that one counts.
        rival = _distance(grid.mean(held.astype(np.float32)) > 0, spacing)
        odds -= np.maximum(distance - rival, 0) / RIVALRY
        seeds &= (distance <= rival) | marked
    if question.cam is not None:
        cam = grid.mean(question.cam[grid.part])
        odds += EVIDENCE * question.sign * _evidence(cam, question.threshold, seeds, distance)
    image = scene.scaled(grid.mean(scene.volume[(slice(None), *grid.part)]))
    found, region = _grown(odds, domain, seeds, image, spacing)
    if grid.fine:
        return region & (free | drawn)
    return _on_voxels(grid, found, region) & free | drawn


def _voxels_in(part: tuple[slice, ...], path: NDArray[np.intp]) -> Flags:
    """Return where in a box the voxels of a path lie."""
    begins, sizes = zip(*((side.start, side.stop - side.start) for side in part), strict=True)
    inside = path - np.array(begins)
    inside = inside[((inside >= 0) & (inside < np.array(sizes))).all(1)]
    marked = np.zeros(sizes, bool)
    marked[tuple(inside.T)] = True
    return marked


def _distance(marked: Flags, spacing: tuple[float, ...]) -> Floats:
    from scipy import ndimage

    found: Floats = ndimage.distance_transform_edt(~marked, sampling=spacing).astype(np.float32)
    return found


def _grown(
    odds: Floats, domain: Flags, seeds: Flags, image: Floats, spacing: tuple[float, ...]
) -> tuple[Floats, Flags]:
    """Return probabilities by all that is known, and the region that is connected to the seeds."""
    values, prior = image[:, domain], odds[domain]
    inner = seeds[domain]
    found, region = seeds.astype(np.float32), seeds
    for _ in range(ROUNDS):
        if inner.all():
            break
        probability = np.zeros(domain.shape, np.float32)
        probability[domain] = 1 / (1 + np.exp(-prior - likeness(values, inner, ~inner)))
        found = walk(probability, domain, seeds, image, spacing)
        region = _connected((found >= _HALF) & domain | seeds, seeds)
        inner = region[domain]
    return found, region


def _on_voxels(grid: Grid, found: Floats, region: Flags) -> Flags:
    """Interpolate the border of a region on a grid to voxels."""
    from scipy import ndimage

    # Pieces that are not connected to the stroke stay away from the border.
    around = ndimage.binary_dilation(region)
    found = np.where(around, found, 0)
    where = ndimage.find_objects(ndimage.binary_dilation(around).astype(np.uint8))[0]
    grown = np.zeros([side.stop - side.start for side in grid.part], bool)
    part, values = grid.voxels(found, where)
    grown[part] = values >= _HALF
    return grown


def _evidence(cam: Floats, threshold: float, seeds: Flags, distance: Floats) -> Floats:
    """Return log-odds of the CAM, in which the stroke moves the threshold to its own CAM."""
    limit = float(_log_odds(np.float32(threshold)))
    odds = _log_odds(cam) - limit
    there = float(np.median(odds[seeds]))
    moved: Floats = odds - there * np.exp(-distance / REACH)
    return moved


def _log_odds(cam: Floats | np.float32) -> Floats:
    trusted = np.clip(cam, *_TRUST)
    found: Floats = np.log(trusted / (1 - trusted))
    return found


def _connected(mask: Flags, seeds: Flags) -> Flags:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    kept = np.zeros(count + 1, bool)
    kept[pieces[seeds]] = True
    kept[0] = False
    connected: Flags = kept[pieces]
    return connected
