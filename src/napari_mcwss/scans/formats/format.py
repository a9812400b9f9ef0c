"""The interface of a file format of scans, and the header that its files have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from napari_mcwss.base.reading import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_mcwss.scans.geometry import Geometry


@dataclass(frozen=True, eq=False)
class Header:
    """What a file says of itself before its voxels are read.

    `path` is the file, or the folder of a series. The channels are points in time if `over_time`,
    and red, green and blue, which can be read as one luminance, if `coloured`. They may have
    `names`.
    """

    path: Path
    geometry: Geometry
    channels: int
    over_time: bool = False
    coloured: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Format:
    """A file format from which scans and masks are read.

    Whatever its functions raise while they read becomes a `McwssError` that names the file, so
    a format need only raise `McwssError` where it can say more.

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
    unwritten : tuple of str
        Suffixes of files that are only read, although others are written.
    is_scan : callable, optional
        Tells whether a folder is a scan of this format.
    spatial : bool
        Whether files say how large and where their voxels are; pictures do not.
    files : callable, optional
        Returns all files that a header and its voxels lie in, none if that is not known; by default
        it is one file.
    """

    name: str
    suffixes: tuple[str, ...]
    read_header: Callable[[Path], Header]
    read_voxels: Callable[[Path, int], NDArray[Any]]
    read_mask: Callable[[Path], NDArray[Any]] | None = None
    write: Callable[[Path, NDArray[Any], Geometry, float, str], None] | None = None
    unwritten: tuple[str, ...] = ()
    is_scan: Callable[[Path], bool] | None = None
    spatial: bool = True
    files: Callable[[Path], Sequence[Path]] | None = None

    def __post_init__(self) -> None:
        for name in ("read_header", "read_voxels", "read_mask", "files"):
            if (read := getattr(self, name)) is not None:
                object.__setattr__(self, name, _guarded(read))


def _guarded(read: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(read)
    def guarded(path: Path, *arguments: Any) -> Any:
        with readable(path):
            return read(path, *arguments)

    return guarded
