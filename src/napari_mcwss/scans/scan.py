"""One patient's aligned channels."""

from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.scans.geometry import Geometry

Loader = Callable[[], NDArray[np.float32]]


class Scan:
    """A scan whose voxels are read when they are first asked for.

    Parameters
    ----------
    name : str
        Of the scan, unique in its study.
    channels : tuple of str
        Names of the channels.
    geometry : Geometry
        Shared by all channels.
    load : callable
        Reads the volume, float32 ``(channels, z, y, x)``.
    """

    def __init__(
        self, name: str, channels: tuple[str, ...], geometry: Geometry, load: Loader
    ) -> None:
        self.name = name
        self.channels = channels
        self.geometry = geometry
        self._load = load
        self._volume: NDArray[np.float32] | None = None
        self._lock = Lock()

    @classmethod
    def from_array(
        cls,
        name: str,
        channels: tuple[str, ...],
        volume: NDArray[np.float32],
        geometry: Geometry,
    ) -> "Scan":
        """Make a scan of a volume ``(channels, z, y, x)`` in memory."""
        return cls(name, channels, geometry, lambda: volume)

    @property
    def slices(self) -> int:
        """Number of slices along the slice axis, z."""
        return self.geometry.shape[0]

    def volume(self) -> NDArray[np.float32]:
        """Read the volume, or give it again: float32 ``(channels, z, y, x)``, all finite.

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
        """Forget the volume; it is read again when asked for."""
        with self._lock:
            self._volume = None
