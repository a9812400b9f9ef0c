"""2-D images (PNG, TIFF, JPEG) as scans of one slice, through Pillow."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.formats.format import Format, Header, unreadable
from napari_mcwss.scans.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# Such images say nothing of space: 1 mm a pixel, columns to the left, rows to posterior.
_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])

# ITU-R BT.601, which the formats themselves define.
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def _read_header(path: Path) -> Header:
    with _opened(path) as picture:
        columns, rows = picture.size
        geometry = Geometry.from_source((columns, rows, 1), _AFFINE, in_mm=False)
        coloured = _is_coloured(picture)
        return Header(path, geometry, 3 if coloured else 1, coloured=coloured)


def _read_voxels(path: Path, channels: int) -> NDArray[Any]:
    """Read colours if three channels are wanted, else luminance; transparency is left out."""
    with _opened(path) as picture:
        if _is_coloured(picture):
            pixels = np.asarray(picture.convert("RGB"))
            pixels = pixels if channels == 3 else (pixels @ _LUMINANCE)[..., None]
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
        return np.asarray(picture).T[None, ..., None]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open an image, and raise what fails in the block as a file that cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            pages = getattr(picture, "n_frames", 1)
            if pages > 1:
                raise McwssError(
                    f"'{path}' has {pages} pages: expected one 2-D picture: save its pages as "
                    "files, or the stack as NIfTI"
                )
            yield picture
    # Pillow raises SyntaxError for some broken headers.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise unreadable(path, error) from error


def _is_coloured(picture: Any) -> bool:
    return picture.mode == "P" or len(picture.getbands()) >= 3


PICTURE = Format(
    "Pictures",
    (".png", ".tif", ".tiff", ".jpg", ".jpeg"),
    _read_header,
    _read_voxels,
    _read_mask,
    spatial=False,
)
