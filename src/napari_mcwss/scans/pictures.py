"""Reading 2-D pictures (PNG, TIFF, JPEG) as scans of one slice."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.formats import Header, unreadable
from napari_mcwss.scans.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# Pictures say nothing of space: 1 mm a pixel, columns to the left, rows to posterior.
_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])

# ITU-R BT.601, as the picture formats themselves define it.
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def read_picture_header(path: Path) -> Header:
    """Read a picture's header alone.

    Parameters
    ----------
    path : Path
        A picture file.

    Returns
    -------
    Header
        One slice of 1 mm pixels with three channels if it is coloured, else one.

    Raises
    ------
    McwssError
        If the file is missing, damaged, no picture, or has several pages.
    """
    with _opened(path) as picture:
        columns, rows = picture.size
        geometry = Geometry.from_source((columns, rows, 1), _AFFINE)
        return Header(path, geometry, 3 if _is_coloured(picture) else 1)


def read_picture_voxels(path: Path, channels: int) -> NDArray[Any]:
    """Read a picture's pixels.

    Parameters
    ----------
    path : Path
        A picture file.
    channels : int
        3 for red, green and blue; 1 for the luminance of a coloured picture, or
        the values of a grey one. Transparency is left out.

    Returns
    -------
    (channels, i, j, 1) array
        Columns before rows, as a volume file has them.

    Raises
    ------
    McwssError
        If the file is missing or damaged.
    """
    with _opened(path) as picture:
        if _is_coloured(picture):
            pixels = np.asarray(picture.convert("RGB"))
            pixels = pixels if channels == 3 else (pixels @ _LUMINANCE)[..., None]
        else:
            pixels = np.atleast_3d(np.asarray(picture))[..., :1]
    return pixels.transpose(2, 1, 0)[..., None]


def read_picture_values(path: Path) -> NDArray[Any]:
    """Read the values of a mask that is a picture: those of a palette, not its colours.

    Parameters
    ----------
    path : Path
        A picture file of one band.

    Returns
    -------
    (1, i, j, 1) array
        Columns before rows, as a volume file has them.

    Raises
    ------
    McwssError
        If the file is missing, damaged or has several bands.
    """
    with _opened(path) as picture:
        if len(picture.getbands()) > 1:
            raise McwssError(
                f"mask '{path}' is a coloured picture ({picture.mode}): expected one value a "
                "pixel: save it in grey or with a palette"
            )
        return np.asarray(picture).T[None, ..., None]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a picture; whatever fails in the block is a file that cannot be read."""
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
