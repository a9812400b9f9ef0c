"""Tensors in files of the user's cache folder, mapped into memory."""

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.reading import refuse_devices

FREE_SHARE = 0.5
"""Share of the free space that they may take at most."""

_SUFFIX = ".safetensors"


def cache_folder(name: str) -> Path:
    """Return a folder of this project in the user's cache folder."""
    return platformdirs.user_cache_path("napari-mcwss", appauthor=False) / name


def make_private(folder: Path) -> None:
    """Make a folder that only this user may read, with those above it; it may raise an OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


class FileCache:
    """Files of tensors, each found by a key; those used least recently make room for others.

    Parameters
    ----------
    folder : Path
    what : str
        What the files hold, for messages.
    budget : int
        Most bytes of the files in the folder.
    """

    def __init__(self, folder: Path, what: str, budget: int) -> None:
        self.folder, self._what, self._budget = folder, what, budget
        # Files of other programs count when all are looked at, at first and when room is short.
        self._taken = budget

    def read(self, key: str) -> dict[str, Tensor] | None:
        """Return the tensors of a key; None if the file is missing, damaged or of another key."""
        path = self._path(key)
        try:
            refuse_devices(path)
            with safe_open(path, framework="pt") as file:
                if (file.metadata() or {}).get("key") != key:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, McwssError):
            return None
        with suppress(OSError):
            os.utime(path)
        return tensors

    def write(self, key: str, tensors: Mapping[str, Tensor], in_use: Collection[str] = ()) -> None:
        """Write the tensors of a key, contiguous ones; files of keys in use make no room.

        Raises
        ------
        McwssError
            If there is no room, or the file cannot be written.
        """
        self._make_room(sum(tensor.nbytes for tensor in tensors.values()), in_use)
        with replacing(self._path(key)) as temporary:
            try:
                save_file(dict(tensors), temporary, {"key": key})
            except SafetensorError as error:
                raise OSError(str(error)) from error

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _make_room(self, needed: int, in_use: Collection[str]) -> None:
        """Remove files used least recently, if need be; look at all of them only then."""
        try:
            make_private(self.folder)
            free = shutil.disk_usage(self.folder).free
            if self._taken + needed <= min(self._budget, self._taken + int(free * FREE_SHARE)):
                self._taken += needed
                return
            files = [(path, path.stat()) for path in self.folder.glob(f"*{_SUFFIX}")]
        except OSError as error:
            raise McwssError(f"{self._what} cannot be kept in '{self.folder}': {error}") from error
        taken = sum(stat.st_size for _, stat in files)
        budget = min(self._budget, taken + int(free * FREE_SHARE))
        for path, stat in sorted(files, key=lambda file: file[1].st_mtime_ns):
            if taken + needed <= budget:
                break
            if path.name.removesuffix(_SUFFIX) in in_use:
                continue
            # Another program may read it: Windows then keeps it, elsewhere the reader does.
            with suppress(OSError):
                path.unlink(missing_ok=True)
                taken -= stat.st_size
        if taken + needed > budget:
            raise McwssError(
                f"{self._what} of this study need more than {budget / 2**30:.1f} GiB in "
                f"'{self.folder}': the rest is kept in memory as long as that suffices"
            )
        self._taken = taken + needed
