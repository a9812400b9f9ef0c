"""Prepared slices of scans in the user's cache folder: a later training begins at once."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event

import psutil
import torch
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.inputs import InputSpec, prepare
from napari_mcwss.scans.scan import Scan
from napari_mcwss.training.data.file_cache import FileCache, cache_folder

PREPARATION = 1
"""Version of what happens to voxels, and of the files; others are not read."""

BUDGET = 20 * 2**30
"""Most bytes of the slices that are kept, of all studies together."""

MEMORY_SHARE = 0.2
"""Share of the free memory that slices may take that wait to be written; others are not kept."""


@dataclass(frozen=True)
class PreparedSlices:
    """Slices of a scan as networks read them, see `Inputs`.

    Attributes
    ----------
    images, foreground : Tensor
        Of the slices that have a foreground; not to be written to.
    position : Tensor
        Index of each of them in the scan, int64 ``(slices,)``, ascending.
    asked : Tensor
        Indices of the slices that were asked for, with and without foreground, ascending.
    window : tuple of slice
        Rows and columns of the scan's slice that they cover.
    mapped : bool
        Whether they lie in a file that is mapped into memory.
    """

    images: Tensor
    foreground: Tensor
    position: Tensor
    asked: Tensor
    window: tuple[slice, slice]
    mapped: bool = False

    @classmethod
    def of(cls, scan: Scan, input_spec: InputSpec, slices: Tensor) -> "PreparedSlices":
        """Read a scan, and prepare slices of it, given by their ascending indices."""
        inputs = prepare(scan.volume(), scan.geometry.spacing, input_spec, slices)
        occupied = inputs.occupied
        images, foreground = inputs.images[occupied], inputs.foreground[occupied]
        return cls(images, foreground, slices[occupied], slices, inputs.window)

    def only(self, slices: Tensor) -> "PreparedSlices":
        """Return some of the slices that were asked for."""
        if len(slices) == len(self.asked):
            return self
        rows = torch.isin(self.position, slices)
        return PreparedSlices(
            self.images[rows], self.foreground[rows], self.position[rows], slices, self.window
        )


class KeptSlices:
    """Files of prepared slices, which a thread of its own writes.

    It begins when the first slices have been read, which needs the cores and the disk, or when no
    more can wait. A file is found by the voxels of a scan and by how they are read. Files
    used least recently make room for others. What cannot be written is prepared again by the next
    training.
    """

    def __init__(self) -> None:
        self._files = FileCache(cache_folder("prepared"), "prepared slices", BUDGET)
        self._writer = ThreadPoolExecutor(1, "keep-slices")
        self._waiting: list[tuple[Future[None], int]] = []
        self._begun, self._closed = Event(), False

    def get(self, scan: Scan, input_spec: InputSpec, slices: Tensor) -> PreparedSlices | None:
        """Return slices of a scan, if all of them are kept.

        Raises
        ------
        McwssError
            If the digest of the scan is not known, and a file of it cannot be read.
        """
        tensors = self._files.read(_key(scan, input_spec))
        try:
            found = None if tensors is None else _found(tensors)
        except (KeyError, ValueError):
            return None
        if found is None or not torch.isin(slices, found.asked).all():
            return None
        return found.only(slices)

    def keep(self, scan: Scan, input_spec: InputSpec, prepared: PreparedSlices) -> None:
        """Write slices of a scan, in place of others that are kept of it, later or never."""
        self._waiting = [(write, size) for write, size in self._waiting if not write.done()]
        size = prepared.images.nbytes + prepared.foreground.nbytes
        taken = size + sum(size for _, size in self._waiting)
        room = MEMORY_SHARE * psutil.virtual_memory().available
        if taken < room:
            write = self._writer.submit(self._write, _key(scan, input_spec), prepared)
            self._waiting.append((write, size))
        else:
            self.begin()

    def begin(self) -> None:
        """Write from now on."""
        self._begun.set()

    def close(self) -> None:
        """Finish the file that is being written; leave out those that wait."""
        self._closed = True
        self.begin()
        self._writer.shutdown(cancel_futures=True)

    def _write(self, key: str, prepared: PreparedSlices) -> None:
        self._begun.wait()
        if self._closed:
            return
        rows, columns = prepared.window
        tensors = {
            "images": prepared.images,
            "foreground": prepared.foreground,
            "position": prepared.position,
            "asked": prepared.asked,
            "window": torch.tensor([rows.start, rows.stop, columns.start, columns.stop]),
        }
        with suppress(McwssError):
            self._files.write(key, {name: part.contiguous() for name, part in tensors.items()})


def _key(scan: Scan, input_spec: InputSpec) -> str:
    parts = scan.digest(), len(scan.channels), scan.geometry.shape, input_spec, PREPARATION
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _found(tensors: Mapping[str, Tensor]) -> PreparedSlices:
    top, bottom, left, right = tensors["window"].tolist()
    images, foreground, position = (tensors[k] for k in ("images", "foreground", "position"))
    if not len(images) == len(foreground) == len(position):
        raise ValueError
    window = slice(top, bottom), slice(left, right)
    return PreparedSlices(images, foreground, position, tensors["asked"], window, mapped=True)
