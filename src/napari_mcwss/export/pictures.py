"""Slices of a scan as small pictures: grey, CAM overlays and masks.

Scans in canonical order are shown as they are: rows to posterior, columns to
the patient's left, so that the patient's right is on the left of the picture.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

PIXELS = 320
"""Length of a picture's longer side."""

FILL = 0.2
"""Opacity of a mask inside its contour, through which the scan is seen."""

CONTOUR = 2
"""Width of a contour in pixels."""

Pixels = NDArray[np.uint8]


def telling_slices(lesion: NDArray[np.bool_], count: int) -> list[int]:
    """Choose at most `count` slices with the most lesion, spread over its extent, in rising order.

    The largest comes first, then the largest of those far enough from the ones
    that were chosen: neighbours look the same.

    Without any lesion it is the middle slice.
    """
    areas = lesion.sum(axis=(1, 2))
    found = np.flatnonzero(areas)
    if not found.size:
        return [len(lesion) // 2]
    apart = found.size / (count + 1)
    chosen: list[int] = []
    for z in found[np.argsort(-areas[found], kind="stable")].tolist():
        if len(chosen) < count and all(abs(z - other) >= apart for other in chosen):
            chosen.append(z)
    return sorted(chosen)


def grey(channel: NDArray[np.float32], slices: Sequence[int]) -> Pixels:
    """Window a channel ``(z, y, x)`` by its own intensities and return some of its slices.

    What equals the first corner voxel is taken as outside of the patient: it
    stays black and out of the window, even where foreground has values below it,
    as in z-scored scans.
    """
    inside = channel != channel[0, 0, 0]
    if not inside.any():
        return np.zeros((len(slices), *channel.shape[1:]), np.uint8)
    low, high = np.percentile(channel[inside], (1, 99.5))
    chosen = channel[list(slices)]
    scaled = np.clip((chosen - low) / max(float(high - low), 1e-12), 0, 1)
    # Tissue starts above black, or dark foreground would look like no foreground.
    return np.where(inside[list(slices)], 20 + 235 * scaled, 0).astype(np.uint8)


def patient_box(volume: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the rows and columns that hold the patient, with a small margin."""
    inside = (volume != volume[:, :1, :1, :1]).any(axis=(0, 1))
    box = []
    for axis in (1, 0):
        found = np.flatnonzero(inside.any(axis=axis))
        start, stop = (found[0], found[-1] + 1) if found.size else (0, inside.shape[1 - axis])
        box.append(slice(max(int(start) - 3, 0), int(stop) + 3))
    return box[0], box[1]


def picture_size(shape: tuple[int, int], spacing: tuple[float, float]) -> tuple[int, int]:
    """Return height and width in square pixels of a slice with this spacing of rows and columns."""
    height, width = (n * mm for n, mm in zip(shape, spacing, strict=True))
    scale = PIXELS / max(height, width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def resized(pixels: Pixels, size: tuple[int, int], *, smooth: bool) -> Pixels:
    """Resize pictures ``(n, y, x)`` to height and width."""
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return np.stack([np.asarray(Image.fromarray(p).resize(size[::-1], how)) for p in pixels])


def with_cam(background: Pixels, cam: Pixels, colour: str) -> Pixels:
    """Lay a CAM ``(n, y, x)``, 255 for 1, over grey pictures, in its class's ``#rrggbb`` colour."""
    return _blended(background[..., None], colour, 0.85 * cam[..., None] / 255)


def with_masks(background: Pixels, masks: NDArray[np.bool_], colours: Sequence[str]) -> Pixels:
    """Lay masks ``(K, n, y, x)`` over grey pictures: a clear contour and a hint of a fill.

    They may overlap: smaller ones are drawn over larger ones.
    """
    picture = background[..., None].repeat(3, axis=-1)
    for k in np.argsort(-masks.sum(axis=(1, 2, 3)), kind="stable"):
        alpha = np.where(_outline(masks[k]), 1.0, FILL) * masks[k]
        picture = _blended(picture, colours[k], alpha[..., None])
    return picture


def png_uri(picture: Pixels) -> str:
    """Return one picture, grey or RGB, as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _blended(below: Pixels, colour: str, alpha: NDArray[np.floating]) -> Pixels:
    above = np.array(ImageColor.getrgb(colour)[:3], np.float32)
    return np.asarray(below * (1 - alpha) + above * alpha).round().astype(np.uint8)


def _outline(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of masks ``(n, y, x)`` up to `CONTOUR` from a pixel outside."""
    inner = masks
    for _ in range(CONTOUR):
        padded, inner = np.pad(inner, ((0, 0), (1, 1), (1, 1))), inner.copy()
        for axis in (1, 2):
            for step in (-1, 1):
                inner &= np.roll(padded, step, axis)[:, 1:-1, 1:-1]
    return masks & ~inner
