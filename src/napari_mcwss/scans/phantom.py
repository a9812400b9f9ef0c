"""Generated scans of brain tumours with known masks, which need no download and no licence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.files import make_folders
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.writing import write_volume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PHANTOM_CHANNELS = ("t1c", "flair")
"""The channels of a phantom scan, in order."""

PHANTOM_CLASSES = {"TC": (1,), "ED": (2,)}
"""The classes of a phantom (tumour core, oedema) and their values in its mask."""

PHANTOM_SIZE = (25, 81, 72)
"""Voxels of a phantom in z, y, x: odd and even, and not square, on purpose."""

PHANTOM_SPACING = (3.0, 2.0, 2.0)
"""Voxel sizes of a phantom in z, y, x, in mm."""


def phantom_scan(
    seed: int | Sequence[int] = 0, *, size: tuple[int, int, int] = PHANTOM_SIZE
) -> tuple[NDArray[np.float32], NDArray[np.uint8], tuple[float, float, float]]:
    """Make one scan of a head with a tumour.

    Oedema is bright on flair; the core inside it has a bright rim on t1c. The
    core never shows on a slice without oedema, while oedema shows alone on the
    slices around it. Vessels, bright on t1c as well, run through all slices.

    The same seed makes the same scan; `size` is in voxels (z, y, x).

    Returns
    -------
    volume : (2, z, y, x) array of float32
        The channels `PHANTOM_CHANNELS`; arbitrary units, 0 outside the head.
    mask : (z, y, x) array of uint8
        0 background, 1 core, 2 oedema.
    spacing : tuple of float
        Voxel sizes in z, y, x, in mm.

    Examples
    --------
    >>> volume, mask, spacing = phantom_scan(seed=1)
    >>> volume.shape
    (2, 25, 81, 72)
    >>> mask.any((1, 2)).all()
    np.False_
    """
    rng = np.random.default_rng(seed)
    # Coordinates in which the head fills the box from -1 to 1.
    z, y, x = np.meshgrid(*(np.linspace(-1.1, 1.1, n) for n in size), indexing="ij", sparse=True)
    head = z**2 + y**2 + x**2 + 0.15 * _texture(rng, size, 0.15) < 1

    centre = np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.35, 0.35), 0.0])
    centre[2] = rng.choice([-1, 1]) * rng.uniform(0.2, 0.42)
    radii = rng.uniform([0.36, 0.28, 0.26], [0.5, 0.42, 0.4])
    shift = rng.uniform(-0.12, 0.12, 3) * radii
    grow = rng.uniform(0.5, 0.65)
    edge = 0.12 * _texture(rng, size, 0.08)
    oedema = (_distance((z, y, x), centre, radii) + edge < 1) & head
    core_distance = _distance((z, y, x), centre + shift, grow * radii) + 0.8 * edge
    core = (core_distance < 1) & oedema
    # A speck of core on a slice that oedema has left would break the symbiosis.
    core &= (oedema & ~core).any((1, 2), keepdims=True)
    rim = core & (core_distance > 0.62)
    ventricles = (
        _distance((z, y, np.abs(x)), np.array([0.05, 0.0, 0.13]), np.array([0.45, 0.35, 0.07])) < 1
    ) & ~oedema

    foreground = 1 + 0.08 * _texture(rng, size, 0.2) + 0.08 * _texture(rng, size, 0.04)
    t1c, flair = foreground.copy(), 1 + 0.6 * (1 - foreground)
    t1c[ventricles], flair[ventricles] = 0.55, 0.4
    t1c[oedema], flair[oedema] = 0.85 * t1c[oedema], 1.6 * flair[oedema]
    t1c[core], flair[core] = 0.6, 1.35
    t1c[rim] = 1.7
    t1c[_vessels(rng, z, y, x)] = 1.7

    volume = np.stack([t1c, flair])
    volume += 0.05 * rng.standard_normal(volume.shape)
    # Scanners agree neither on brightness nor on its evenness.
    gains = 300 * rng.uniform(0.8, 1.25, (2, 1, 1, 1))
    volume *= gains * (1 + 0.06 * _texture(rng, size, 0.5))
    volume = np.where(head, volume.clip(min=1), 0)
    mask = np.where(core, 1, np.where(oedema, 2, 0)).astype(np.uint8)
    return volume.astype(np.float32), mask, PHANTOM_SPACING


def write_phantom(
    folder: Path, *, scans: int = 6, seed: int = 0, size: tuple[int, int, int] = PHANTOM_SIZE
) -> None:
    """Write phantom scans as a user would have them: a sub-folder each.

    Every ``phantom01``, ``phantom02``, ... holds ``t1c.nii.gz``,
    ``flair.nii.gz`` and the truth ``seg.nii.gz``. Files are stored in LPS and
    RAS order by turns, so whoever forgets the orientation is found out.

    Parameters
    ----------
    seed : int, optional
        The same seed writes the same scans.
    size : tuple of int, optional
        Voxels in z, y, x.
    """
    for number in range(1, scans + 1):
        volume, mask, spacing = phantom_scan((seed, number), size=size)
        signs = (-1, -1, 1) if number % 2 else (1, 1, 1)
        affine = np.diag([*(s * mm for s, mm in zip(signs, spacing[::-1], strict=True)), 1.0])
        affine[:3, 3] = -affine[:3, :3] @ (np.array(size[::-1]) - 1) / 2
        geometry = Geometry.from_source(size[::-1], affine)
        scan_folder = folder / f"phantom{number:02}"
        make_folders(scan_folder)
        for channel, voxels in zip(PHANTOM_CHANNELS, volume, strict=True):
            write_volume(scan_folder / f"{channel}.nii.gz", voxels.round(), geometry, dtype="int16")
        write_volume(scan_folder / "seg.nii.gz", mask, geometry, dtype="uint8")


def _texture(
    rng: np.random.Generator, size: tuple[int, int, int], reach: float
) -> NDArray[np.float64]:
    """Smooth noise of deviation 1; `reach` is its coarseness as a fraction of the head's radius."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(size), [reach * n / 2.2 for n in size])
    texture: NDArray[np.float64] = noise / noise.std()
    return texture


def _distance(
    position: tuple[NDArray[np.float64], ...],
    centre: NDArray[np.float64],
    radii: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Distance from an ellipsoid's centre: 1 on its surface."""
    parts = (((p - c) / r) ** 2 for p, c, r in zip(position, centre, radii, strict=True))
    distance: NDArray[np.float64] = np.sqrt(sum(parts))
    return distance


def _vessels(
    rng: np.random.Generator,
    z: NDArray[np.float64],
    y: NDArray[np.float64],
    x: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Thin winding tubes from top to bottom."""
    tubes = np.zeros(np.broadcast_shapes(z.shape, y.shape, x.shape), bool)
    for _ in range(4):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
        wave, phase = rng.uniform(1, 3), rng.uniform(0, 2 * np.pi)
        middle_y = distance * np.sin(angle) + 0.08 * np.sin(wave * z + phase)
        middle_x = distance * np.cos(angle) + 0.08 * np.cos(wave * z + phase)
        tubes |= (y - middle_y) ** 2 + (x - middle_x) ** 2 < rng.uniform(0.03, 0.045) ** 2
    return tubes
