"""One patient's aligned channels."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from napari_mcwss.scans.digest import file_stamp, recall, remember, voxel_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_mcwss.scans.geometry import Geometry

COLOURS = ("red", "green", "blue")
"""The channels of coloured pictures."""


class Scan:
    """A scan whose voxels are read on first use.

    Parameters
    ----------
    name : str
        Name of the scan, unique in its study.
    channels : sequence of str
        Names of the channels.
    geometry : Geometry
        Geometry of all channels.
    load : callable
        Reads the volume, float32 ``(channel, z, y, x)``, all finite.
    paths : sequence of Path, optional
        Files of the scan; none for a scan in memory.

    See Also
    --------
    napari_mcwss.scans.reading.read_scan : a scan of files.
    Scan.from_array : a scan of voxels in memory.
    """

    def __init__(
        self,
        name: str,
        channels: Sequence[str],
        geometry: Geometry,
        load: Callable[[], NDArray[np.float32]],
        paths: Sequence[Path] = (),
    ) -> None:
        self.name = name
        self.channels = tuple(channels)
        self.geometry = geometry
        self.paths = tuple(paths)
        self._load = load
        self._volume: NDArray[np.float32] | None = None
        self._stamp = ""
        self._digest: str | None = None
        self._lock = Lock()

    @classmethod
    def from_array(
        cls, name: str, channels: Sequence[str], volume: NDArray[np.float32], geometry: Geometry
    ) -> Scan:
        """Make a scan from voxels in memory.

        Parameters
        ----------
        name : str
            Name of the scan.
        channels : sequence of str
            Names of the channels.
        volume : (channel, z, y, x) array of float32
            Voxels in canonical order, all finite; they are not copied.
        geometry : Geometry
            Geometry of the voxels.

        Raises
        ------
        ValueError
            If the shape of `volume` does not fit the channels and the geometry.
        """
        expected = (len(channels), *geometry.shape)
        if volume.shape != expected:
            raise ValueError(f"volume of shape {volume.shape} where {expected} is expected")
        return cls(name, channels, geometry, lambda: volume)

    def __repr__(self) -> str:
        return f"<Scan {self.name}: {', '.join(self.channels)}, {self.geometry.shape}>"

    @property
    def slices(self) -> int:
        """Number of slices along the slice axis, z."""
        return self.geometry.shape[0]

    def volume(self) -> NDArray[np.float32]:
        """Return the voxels, and read them on first use; safe to call from any thread.

        Returns
        -------
        (channel, z, y, x) array of float32
            Voxels in canonical order, in the units of the files, all finite. All callers share
            the array: copy it before changing it.

        Raises
        ------
        McwssError
            If a file is missing or damaged.
        """
        with self._lock:
            return self._read()

    def digest(self) -> str:
        """Return a digest of the voxels and their size, which are read if that is not known.

        It is remembered for files that have not changed since, also in another program.

        Returns
        -------
        str
            32 hexadecimal digits.

        Raises
        ------
        McwssError
            If a file is missing or damaged.
        """
        with self._lock:
            known = self._known_digest()
            if known is None:
                known = voxel_digest(self._read(), self.geometry.spacing)
                if self._stamp:
                    remember(self._key(self._stamp), known)
            self._digest = known
            return known

    def known_digest(self) -> str | None:
        """Return `digest` if it is known without reading or looking at voxels, else None."""
        with self._lock:
            return self._known_digest()

    def release(self) -> None:
        """Free the voxels; the next use reads them again."""
        with self._lock:
            self._volume = None

    def _read(self) -> NDArray[np.float32]:
        if self._volume is None:
            self._stamp, self._digest = file_stamp(self.paths), None
            self._volume = self._load()
        return self._volume

    def _known_digest(self) -> str | None:
        if self._volume is not None and self._digest is not None:
            return self._digest
        # Of voxels in memory, whatever has become of their files.
        stamp = file_stamp(self.paths) if self._volume is None else self._stamp
        return recall(self._key(stamp)) if stamp else None

    def _key(self, stamp: str) -> str:
        # The header may be older than the voxels, and say another order of them.
        geometry = self.geometry
        placed = geometry.source_shape, geometry.source_affine.tolist()
        return repr((stamp, self.channels, geometry.shape, geometry.spacing, placed))
