"""One patient's aligned channels."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_mcwss.scans.geometry import Geometry


class Scan:
    """A scan whose voxels are read when they are first asked for.

    Parameters
    ----------
    name : str
        Of the scan, unique in its study.
    channels : sequence of str
        Names of the channels.
    geometry : Geometry
        Shared by all channels.
    load : callable
        Reads the volume: float32 ``(channel, z, y, x)``, all finite.
    paths : sequence of Path, optional
        The files that it is read from; none for a scan in memory.

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
        self._lock = Lock()

    @classmethod
    def from_array(
        cls, name: str, channels: Sequence[str], volume: NDArray[np.float32], geometry: Geometry
    ) -> Scan:
        """Make a scan of voxels in memory.

        Parameters
        ----------
        name : str
            Of the scan.
        channels : sequence of str
            Names of the channels.
        volume : (channel, z, y, x) array of float32
            In canonical order, all finite.
        geometry : Geometry
            Of the voxels.

        Returns
        -------
        Scan
            A scan that keeps `volume` for as long as it lives.

        Raises
        ------
        ValueError
            If `volume` does not fit the channels and the geometry.
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
        """Read the voxels, or give them again. Any thread may ask; one reads.

        Returns
        -------
        (channel, z, y, x) array of float32
            In canonical order, in the units of the files, all finite. It is
            shared by all who ask: copy it before changing it.

        Raises
        ------
        McwssError
            If a file is missing or damaged.
        """
        with self._lock:
            if self._volume is None:
                self._volume = self._load()
            return self._volume

    def release(self) -> None:
        """Forget the voxels; they are read again when asked for."""
        with self._lock:
            self._volume = None
