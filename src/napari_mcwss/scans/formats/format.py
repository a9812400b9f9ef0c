"""The interface of a file format of scans, and the header that its files have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_mcwss.scans.geometry import Geometry


@dataclass(frozen=True, eq=False)
class Header:
    """What a file says of itself before its voxels are read.

    `path` is the file, or the folder of a series. The channels are points in time if `over_time`,
    and red, green and blue, which can be read as one luminance, if `coloured`.
    """

    path: Path
    geometry: Geometry
    channels: int
    over_time: bool = False
    coloured: bool = False


@dataclass(frozen=True, eq=False)
class Format:
    """A file format from which scans and masks are read.

    The functions raise `McwssError` for files that are missing, damaged or of another kind.

    Attributes
    ----------
    suffixes : tuple of str
        Lower-case ends of file names; empty if a scan is a folder.
    read_voxels : callable
        Reads the voxels of a path, ``(channels, i, j, k)`` in the order of the file. Its second
        argument is the number of channels that are wanted of a coloured image: 1 or 3.
    read_mask : callable, optional
        Reads the values of a mask, ``(1, i, j, k)``; by default the voxels are its values.
    write : callable, optional
        Writes a volume ``(i, j, k)`` to a path; its other arguments are the geometry, the factor
        that readers multiply stored voxels by, and a note. None if the format is only read.
    is_scan : callable, optional
        Tells whether a folder is a scan of this format.
    spatial : bool
        Whether files say how large and where their voxels are; pictures do not.
    """

    name: str
    suffixes: tuple[str, ...]
    read_header: Callable[[Path], Header]
    read_voxels: Callable[[Path, int], NDArray[Any]]
    read_mask: Callable[[Path], NDArray[Any]] | None = None
    write: Callable[[Path, NDArray[Any], Geometry, float, str], None] | None = None
    is_scan: Callable[[Path], bool] | None = None
    spatial: bool = True


def unreadable(path: Path, error: Exception) -> McwssError:
    """Return the error to raise for a file that cannot be read, with the reason in one line."""
    if isinstance(error, FileNotFoundError):
        return McwssError(f"'{path}' does not exist: put it back or name another file")
    if isinstance(error, PermissionError):
        return McwssError(f"'{path}' may not be read: ask its owner for permission")
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return McwssError(
        f"'{path}' is damaged or not the kind of file that its name says ({reason}): "
        "copy it again or leave it out"
    )
