"""Reading and writing through SimpleITK, of formats that begin with lines of text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import (
    DEFLATED,
    refuse_devices,
    refuse_more_than_held,
    refuse_more_than_memory,
)
from napari_mcwss.scans.formats.format import Format, Header
from napari_mcwss.scans.formats.nifti import split_shape
from napari_mcwss.scans.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

_MOST_OF_HEADER = 2**20
"""Bytes at the start of a file in which its header ends: 3D Slicer writes 700 for each segment."""


@dataclass(frozen=True)
class TextHeader:
    """What the lines of a header say of the voxels.

    `data` names the file that holds them; empty if they follow the header, None if they lie in
    several files. `ratio` is how many bytes one byte of the file can stand for, None if that is not
    known.
    """

    data: str | None
    ratio: int | None
    oriented: bool


def itk_format(
    name: str, suffixes: tuple[str, ...], io: str, parse: Callable[[list[str]], TextHeader]
) -> Format:
    """Return a format that ITK reads and writes.

    Parameters
    ----------
    name, suffixes
        As of `Format`; only files with the first suffix are written.
    io : str
        Name of ITK's reader, so that a file is not taken for one of another format.
    parse : callable
        Reads the lines of a header, up to the first that is empty.
    """

    def read_header(path: Path) -> Header:
        return _read_header(path, io, parse)

    def read_voxels(path: Path, _: int) -> NDArray[Any]:
        header = read_header(path)
        needed = header.channels * math.prod(header.geometry.source_shape)
        # Of each voxel, ITK's and NumPy's copy, of the largest type.
        refuse_more_than_memory(path, 2 * 8 * needed)
        sitk = _sitk()
        try:
            image = sitk.ReadImage(str(path), imageIO=io)
        except RuntimeError as error:
            raise ValueError(_reason(error)) from error
        voxels: NDArray[Any] = sitk.GetArrayFromImage(image)
        if image.GetNumberOfComponentsPerPixel() > 1:
            voxels = np.moveaxis(voxels, -1, 0)
        return voxels.reshape(header.channels, *header.geometry.source_shape[::-1]).transpose(
            0, 3, 2, 1
        )

    def files(path: Path) -> Sequence[Path]:
        data = parse(header_lines(path)).data
        if data is None:
            return []
        return [path, path.parent / data] if data else [path]

    unwritten = suffixes[1:]
    return Format(
        name, suffixes, read_header, read_voxels, write=_write, unwritten=unwritten, files=files
    )


def _sitk() -> Any:
    import SimpleITK as sitk  # noqa: N813

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    return sitk


def _read_header(path: Path, io: str, parse: Callable[[list[str]], TextHeader]) -> Header:
    text = parse(header_lines(path))
    data = path.parent / text.data if text.data else path
    refuse_devices(data)
    if not data.exists():
        raise McwssError(
            f"'{path}' has its voxels in '{text.data}', which is missing: put it beside it"
        )
    reader = _sitk().ImageFileReader()
    reader.SetImageIO(io)
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise ValueError(_reason(error)) from error
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    spatial, channels = split_shape(path, (*size, *[1] * (3 - len(size)), components))
    kind = _sitk().GetPixelIDValueAsString(reader.GetPixelID())
    bits = re.search(r"(\d+)-bit", kind)
    if bits is None or "complex" in kind:
        raise McwssError(f"'{path}' holds {kind}: expected whole or real numbers: convert it")
    if text.ratio is not None:
        needed = math.prod(spatial) * channels * int(bits[1]) // 8
        refuse_more_than_held(path, needed, data.stat().st_size * text.ratio)
    return Header(path, _geometry(reader, spatial, text.oriented), channels)


def header_lines(path: Path) -> list[str]:
    """Read the lines at the start of a file, and whatever follows its header."""
    with path.open("rb") as file:
        return re.split(r"\r?\n", file.read(_MOST_OF_HEADER).decode("latin-1"))


def _geometry(reader: Any, shape: tuple[int, int, int], oriented: bool) -> Geometry:
    axes = min(len(reader.GetSize()), 3)
    directions = np.reshape(reader.GetDirection(), (len(reader.GetSize()),) * 2)
    affine = np.eye(4)
    affine[:axes, :axes] = directions[:axes, :axes] * reader.GetSpacing()[:axes]
    affine[:axes, 3] = reader.GetOrigin()[:axes]
    return Geometry.from_source(
        shape, _RAS_FROM_LPS @ affine, spacing=(*reader.GetSpacing(), 1.0)[:3], oriented=oriented
    )


def _write(
    path: Path, stored: NDArray[Any], geometry: Geometry, factor: float, description: str
) -> None:
    sitk = _sitk()
    # These formats have no factor.
    values = stored if factor == 1 else (stored * np.float32(factor)).astype(np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    affine = _RAS_FROM_LPS @ geometry.source_affine
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetDirection((affine[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    if description:
        image.SetMetaData("description", description)
    sitk.WriteImage(image, str(path), useCompression=True)


def _reason(error: RuntimeError) -> str:
    """Return the last line of an error of ITK, which begins with places in its own sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "RuntimeError"


def in_several_files(data: str) -> bool:
    """Tell whether a header names files by a list or a pattern.

    Raises
    ------
    ValueError
        If a pattern has more than one number: ITK hands it to C, which would read its own memory.
    """
    if "%" in data and not re.fullmatch(r"[^%]*%0?\d?d[^%]*", data):
        raise ValueError(f"it names the files of its voxels as {data[:40]!r}")
    return data.startswith("LIST") or "%" in data


RATIOS = {"raw": 1, "gzip": DEFLATED}
"""How many bytes one byte of a file can stand for, by encoding."""
