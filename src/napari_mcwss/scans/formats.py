"""The kinds of files that hold scans, and what all of them say of themselves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_mcwss.scans.geometry import Geometry

VOLUME_SUFFIXES = (".nii.gz", ".nii")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
SUFFIXES = VOLUME_SUFFIXES + PICTURE_SUFFIXES

_PREAMBLE, _MAGIC = 128, b"DICM"
"""A DICOM file's first bytes, which may be anything, and what comes after them."""

_MOST_LOOKED_AT = 20
"""Files of a folder that are opened to see whether they are a DICOM series."""


@dataclass(frozen=True, eq=False)
class Header:
    """What a file says of itself before its voxels are read.

    Parameters
    ----------
    path : Path
        The file, or the folder of a DICOM series.
    geometry : Geometry
        Of its three spatial axes.
    channels : int
        Number of channels that it holds.
    over_time : bool, optional
        Whether it says that these are points in time.
    """

    path: Path
    geometry: Geometry
    channels: int
    over_time: bool = False


def suffix_of(path: Path) -> str | None:
    """Give the suffix by which a file's format is known, in lower case; None if it is not."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def stem_of(path: Path) -> str:
    """Give a file's name without the suffix of its format; a folder of a series has none."""
    return path.name[: len(path.name) - len(suffix_of(path) or "")]


def is_series(path: Path) -> bool:
    """Tell whether a path is a folder of DICOM files, by some of those that are in it."""
    if not path.is_dir():
        return False
    with suppress(OSError):
        files = (file for file in path.iterdir() if file.is_file() and file.name != "DICOMDIR")
        return any(map(_is_dicom, islice(files, _MOST_LOOKED_AT)))
    return False


def _is_dicom(file: Path) -> bool:
    with suppress(OSError), file.open("rb") as opened:
        return opened.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] == _MAGIC
    return False


def unreadable(path: Path, error: Exception) -> McwssError:
    """Say in one line why a file cannot be read.

    Parameters
    ----------
    path : Path
        The file.
    error : Exception
        What went wrong.

    Returns
    -------
    McwssError
        The error to raise.
    """
    if isinstance(error, FileNotFoundError):
        return McwssError(f"'{path}' does not exist: put it back or name another file")
    if isinstance(error, PermissionError):
        return McwssError(f"'{path}' may not be read: ask its owner for permission")
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return McwssError(
        f"'{path}' is damaged or not the kind of file that its name says ({reason}): "
        "copy it again or leave it out"
    )
