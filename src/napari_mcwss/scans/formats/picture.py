"""2-D images (PNG, JPEG, BMP, WebP) as scans of one slice, through Pillow."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import BoundedFile, refuse_more_than_memory
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Such images say nothing of space: 1 mm a pixel, columns to the left, rows to posterior."""

_ORIENTATION, _FIRST_TURNED = 274, 5
"""The tag of orientation in EXIF, and its first value that swaps rows and columns."""

_BYTES_A_PIXEL = 16
"""At most, in memory: as Pillow decodes a pixel, and as it is converted."""

# ITU-R BT.601, which the formats themselves define.
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def _read_header(path: Path) -> Header:
    with _opened(path) as picture:
        size = picture.size[::-1] if _orientation(picture) >= _FIRST_TURNED else picture.size
        geometry = Geometry.from_source((*size, 1), PICTURE_AFFINE, in_mm=False, oriented=False)
        coloured = _is_coloured(picture)
        return Header(path, geometry, 3 if coloured else 1, coloured=coloured)


def _read_voxels(path: Path, channels: int) -> NDArray[Any]:
    """Read colours if three channels are wanted, else luminance; transparency is left out."""
    with _opened(path) as opened:
        picture = _upright(path, opened)
        if _is_coloured(picture):
            pixels = np.asarray(picture.convert("RGB"))
            pixels = pixels if channels == 3 else luminance(pixels)[..., None]
        else:
            pixels = np.atleast_3d(np.asarray(picture))[..., :1]
    return pixels.transpose(2, 1, 0)[..., None]


def _read_mask(path: Path) -> NDArray[Any]:
    """Read the values of a palette rather than its colours."""
    with _opened(path) as picture:
        if len(picture.getbands()) > 1:
            raise McwssError(
                f"mask '{path}' is a coloured picture ({picture.mode}): expected one value a "
                "pixel: save it in grey or with a palette"
            )
        return np.asarray(_upright(path, picture)).T[None, ..., None]


def luminance(colours: NDArray[Any]) -> NDArray[np.float32]:
    """Return the luminance of ``(..., 3)`` colours."""
    grey: NDArray[np.float32] = colours @ _LUMINANCE
    return grey


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from PIL import Image

    with BoundedFile(path) as file, Image.open(file) as picture:
        pages = getattr(picture, "n_frames", 1)
        if pages > 1:
            raise McwssError(
                f"'{path}' has {pages} pages: expected one 2-D picture: save its pages as "
                "files, or the stack as TIFF or NIfTI"
            )
        yield picture


def _orientation(picture: Any) -> int:
    """Return how a picture that is not loaded is to be turned, as cameras and scanners mark it."""
    # For a tag at the end of a PNG, Pillow would read the whole picture.
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1
    return int(picture.getexif().get(_ORIENTATION, 1))


def _upright(path: Path, picture: Any) -> Any:
    """Load a picture as it is to be seen."""
    from PIL import ImageOps

    refuse_more_than_memory(path, math.prod(picture.size) * _BYTES_A_PIXEL)
    orientation = _orientation(picture)
    picture.load()
    return ImageOps.exif_transpose(picture) if orientation > 1 else picture


def _is_coloured(picture: Any) -> bool:
    return picture.mode == "P" or len(picture.getbands()) >= 3


PICTURE = Format(
    "Pictures",
    (".png", ".jpg", ".jpeg", ".bmp", ".webp"),
    _read_header,
    _read_voxels,
    _read_mask,
    spatial=False,
)
