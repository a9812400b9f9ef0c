"""TIFF: pictures, stacks of pages, OME-TIFF and ImageJ's hyperstacks, through tifffile."""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import (
    DEFLATED,
    BoundedFile,
    refuse_more_than_held,
    refuse_more_than_memory,
)
from napari_mcwss.base.text import size_text
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.formats.picture import PICTURE_AFFINE, luminance
from napari_mcwss.scans.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_AXES = "CTZYXS"
"""Axes of an image in the order that is made of any other: channels, times, slices, samples."""

_PAGES = "QI"
"""Axes of which a file does not say what they are."""

_UNCOMPRESSED, _DEFLATE = 1, (8, 32946)

_MODES = ("1", "L", "P", "I", "F", "I;16", "RGB", "RGBA", "LA")
"""Pillow's names of pixels that are taken as they are."""

_ORIENTATION = 274


_MIN_IS_WHITE = 0

_PLAIN = (_MIN_IS_WHITE, 1, 2, 3)
"""Colour models that tifffile gives as they are: grey both ways, RGB, and a palette."""


@dataclass(frozen=True, eq=False)
class _Tiff:
    """An image of a file that is open, its axes by letter, and how deep a pixel is in pixels."""

    series: Any
    sizes: dict[str, int]
    depth: float

    @property
    def page(self) -> Any:
        return self.series.keyframe

    @property
    def orientation(self) -> int:
        return int(self.page.tags.valueof(_ORIENTATION, 1))

    @property
    def coloured(self) -> bool:
        return self.sizes["S"] >= len("RGB") or self.page.colormap is not None


def _read_header(path: Path) -> Header:
    with _opened(path) as tiff:
        rows, columns = tiff.sizes["Y"], tiff.sizes["X"]
        if tiff.orientation > 4:
            rows, columns = columns, rows
        geometry = Geometry.from_source(
            (columns, rows, tiff.sizes["Z"]),
            PICTURE_AFFINE @ np.diag([1, 1, tiff.depth, 1]),
            in_mm=False,
            oriented=False,
        )
        channels = 3 if tiff.coloured else tiff.sizes["C"] * tiff.sizes["T"]
        return Header(path, geometry, channels, tiff.sizes["T"] > 1, tiff.coloured)


def _read_voxels(path: Path, channels: int) -> NDArray[Any]:
    """Read colours if three channels are wanted, else luminance; transparency is left out."""
    with _opened(path) as tiff:
        voxels = _loaded(path, tiff)
        if not tiff.coloured:
            voxels = voxels[..., 0]
        else:
            colours = voxels[0, ..., :3]
            if tiff.page.colormap is not None and voxels.shape[-1] == 1:
                colours = (tiff.page.colormap.T >> 8).astype(np.uint8)[voxels[0, ..., 0]]
            voxels = np.moveaxis(colours, -1, 0) if channels > 1 else luminance(colours)[None]
    return voxels.transpose(0, 3, 2, 1)


def _read_mask(path: Path) -> NDArray[Any]:
    """Read the values of a palette rather than its colours."""
    with _opened(path) as tiff:
        if tiff.sizes["S"] > 1:
            raise McwssError(
                f"mask '{path}' is a coloured picture: expected one value a pixel: save it in "
                "grey or with a palette"
            )
        return _loaded(path, tiff)[..., 0].transpose(0, 3, 2, 1)


@contextmanager
def _opened(path: Path) -> Iterator[_Tiff]:
    """Open a file; refuse what is no single image of at most one slice axis and one of channels."""
    from tifffile import TiffFile

    with BoundedFile(path) as bounded, TiffFile(bounded, name=str(path)) as file:
        series = [found for found in file.series if not found.keyframe.is_reduced]
        if len(series) != 1:
            raise McwssError(
                f"'{path}' holds {len(series)} images of different sizes: expected one, or pages "
                "of one size: save them as files of their own"
            )
        (image,) = series
        page = image.keyframe
        if any(part is None for part in image.pages):
            raise McwssError(
                f"'{path}' names pages that lie in other files: save the image as one file"
            )
        if page.dtype is None or page.dtype.kind not in "iufb":
            raise McwssError(
                f"'{path}' holds {page.dtype} pixels: expected whole or real numbers: convert it"
            )
        if 0 in image.shape:
            raise McwssError(f"'{path}' is damaged: it has {size_text(image.shape)} pixels")
        sizes = {axis: size for axis, size in zip(image.axes, image.shape, strict=True) if size > 1}
        # Axes of unknown meaning are slices, unless the file has slices already.
        pages = [axis for axis in sizes if axis in _PAGES]
        if len(pages) == 1 and "Z" not in sizes:
            sizes["Z"] = sizes.pop(pages[0])
            warnings.warn(
                f"'{path}' does not say what its {sizes['Z']} pages are: they are read as slices "
                "of one volume",
                stacklevel=2,
            )
        if strange := sizes.keys() - {*_AXES} or (sizes.keys() >= {"C", "T"}):
            raise McwssError(
                f"'{path}' has the axes {image.axes} of {size_text(image.shape)}: expected "
                f"rows, columns and slices, and channels or points in time: split it ({strange})"
            )
        tiff = _Tiff(image, dict.fromkeys(_AXES, 1) | sizes, _depth(file))
        _check_size(path, tiff)
        yield tiff


def _check_size(path: Path, tiff: _Tiff) -> None:
    # Black and white pictures have eight pixels in a byte, and none less than a bit.
    bits = tiff.page.bitspersample if tiff.page.bitspersample < 8 else 8 * tiff.page.dtype.itemsize
    needed = math.prod(tiff.series.shape) * bits // 8
    # How much a byte can stand for is not known of other compressions.
    ratio = {_UNCOMPRESSED: 1, **dict.fromkeys(_DEFLATE, DEFLATED)}.get(tiff.page.compression)
    if ratio:
        refuse_more_than_held(path, needed, path.stat().st_size * ratio)


def _loaded(path: Path, tiff: _Tiff) -> NDArray[Any]:
    """Read pixels ``(channel, z, y, x, sample)`` as they are to be seen."""
    dtype = tiff.page.dtype
    refuse_more_than_memory(path, 2 * math.prod(tiff.series.shape) * dtype.itemsize)
    if tiff.page.photometric not in _PLAIN:
        return _through_pillow(path, tiff)
    try:
        pixels = tiff.series.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return _through_pillow(path, tiff)
    axes = tiff.series.axes.translate(dict.fromkeys(map(ord, _PAGES), "Z"))
    kept = [axis for axis, size in zip(axes, pixels.shape, strict=True) if size > 1]
    order = [kept.index(axis) for axis in _AXES if axis in kept]
    pixels = pixels.squeeze().transpose(order).reshape([tiff.sizes[axis] for axis in _AXES])
    pixels = pixels.reshape(-1, *pixels.shape[2:])
    if tiff.page.photometric == _MIN_IS_WHITE and dtype.kind in "ub":
        pixels = ~pixels
    return _upright(pixels, tiff.orientation)


def _upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn rows and columns, as cameras and scanners mark it: row 0 may be the right side."""
    if orientation > 4:
        pixels = pixels.swapaxes(2, 3)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[:, :, ::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, :, :, ::-1]
    return pixels


def _through_pillow(path: Path, tiff: _Tiff) -> NDArray[Any]:
    """Read what tifffile cannot decode without further libraries, such as LZW and JPEG."""
    from PIL import Image

    with BoundedFile(path) as file, Image.open(file) as picture:
        pages = []
        for number in range(len(tiff.series.pages)):
            picture.seek(number)
            picture.load()
            plain = picture if picture.mode in _MODES else picture.convert("RGB")
            pages.append(np.atleast_3d(np.array(plain)))
    pixels = np.stack(pages)
    return pixels.reshape(-1, tiff.sizes["Z"], *pixels.shape[1:])


def _depth(file: Any) -> float:
    """Return the distance of slices in pixels, where OME or ImageJ tell it; else 1."""
    try:
        if file.is_ome:
            root = ElementTree.fromstring(file.ome_metadata)
            sizes = next(node.attrib for node in root.iter() if node.tag.endswith("}Pixels"))
            units = {sizes.get(f"PhysicalSize{axis}Unit", "µm") for axis in "XZ"}
            across, apart = (float(sizes[f"PhysicalSize{axis}"]) for axis in "XZ")
            depth = apart / across if len(units) == 1 else 1.0
        elif file.is_imagej:
            pixels, units_ = file.pages[0].tags["XResolution"].value
            depth = float(file.imagej_metadata["spacing"]) * pixels / units_
        else:
            return 1.0
    except (KeyError, TypeError, ValueError, StopIteration, ZeroDivisionError):
        return 1.0
    return depth if 0 < depth < math.inf else 1.0


TIFF = Format("TIFF", (".tif", ".tiff"), _read_header, _read_voxels, _read_mask, spatial=False)
