"""Storage of slices to train on: in memory, and on disk if they do not fit there."""

import secrets
import shutil
import socket
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from os import getpid

import psutil
import torch
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write
from napari_mcwss.base.lock import Holder
from napari_mcwss.training.data.file_cache import cache_folder, make_private
from napari_mcwss.training.data.slices import LoadedScan

MEMORY_SHARE = 0.5
"""Share of the memory, of that free at first, that slices may take."""

DISK_SHARE = 0.5
"""Share of the disk space, of that free at first, that slices may take."""

LARGEST = 200 * 2**30
"""Bytes on disk that they may take at most."""

ENDING = ".slices"


def remove_left_slices() -> None:
    """Remove files of programs that have ended: on Windows they cannot be removed in use."""
    for path in cache_folder("slices").glob(f"*{ENDING}"):
        host, process, _ = path.name.rsplit("-", 2)
        with suppress(OSError, ValueError):
            time = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if Holder(int(process), host, time).gone:
                path.unlink()


class SliceStore:
    """Keep scans in memory as long as half of it suffices, and the others in files.

    Files are mapped into memory: the system reads what is used, and caches what memory allows.
    Except on Windows a file is removed at once, so that its space is freed when the program ends.
    Slices that are mapped already stay where they are. `on_disk` counts the bytes in files.
    """

    def __init__(self) -> None:
        self.on_disk = 0
        self._memory = MEMORY_SHARE * psutil.virtual_memory().available
        self._limit: float | None = None

    def keep(self, scan: LoadedScan) -> LoadedScan:
        """Return the scan from where it is kept; refuse it if neither memory nor disk suffices."""
        size = sum(maps.nbytes for maps in scan.maps)
        if size <= self._memory:
            self._memory -= size
            return scan
        if scan.mapped:
            self.on_disk += size
            return scan
        if self._limit is None:
            self._limit = self._disk_limit()
        if size > self._limit:
            folder = cache_folder("slices")
            raise McwssError(
                "the slices fit neither in memory nor in the "
                f"{(self.on_disk + self._limit) / 2**30:.1f} GiB available in '{folder}': train "
                "with larger pixels or on fewer scans"
            )
        images, foreground, *labels = _mapped(scan.maps)
        self.on_disk += size
        self._limit -= size
        return replace(
            scan, images=images, foreground=foreground, labels=labels[0] if labels else None
        )

    def _disk_limit(self) -> float:
        folder = cache_folder("slices")
        try:
            make_private(folder)
            remove_left_slices()
            return min(LARGEST, DISK_SHARE * shutil.disk_usage(folder).free)
        except OSError as error:
            raise cannot_write(folder, error) from error


def _mapped(maps: tuple[Tensor, ...]) -> list[Tensor]:
    """Write tensors to a new file and map them into memory."""
    name = f"{socket.gethostname()}-{getpid()}-{secrets.token_hex(4)}{ENDING}"
    path = cache_folder("slices") / name
    sizes = [part.nbytes for part in maps]
    try:
        with path.open("wb") as file:
            for part in maps:
                # Not through the map: writing to it on a full disk ends the program.
                file.write(part.contiguous().numpy().data)
        content = torch.from_file(str(path), shared=False, size=sum(sizes), dtype=torch.uint8)
    except (OSError, RuntimeError) as error:
        path.unlink(missing_ok=True)
        reason = error if isinstance(error, OSError) else OSError(str(error).splitlines()[0])
        raise cannot_write(path, reason) from error
    with suppress(OSError):  # on Windows, while it is mapped
        path.unlink()
    return [
        part.view(like.dtype).view(like.shape)
        for part, like in zip(content.split(sizes), maps, strict=True)
    ]
