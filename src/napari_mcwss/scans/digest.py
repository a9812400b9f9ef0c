"""Digests of voxels, remembered as long as the files of a scan do not change."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import platformdirs

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.version import __version__
from napari_mcwss.scans.formats.registry import format_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import stat_result
    from pathlib import Path

    from numpy.typing import NDArray

SETTLED = 2.0
"""Seconds after a change of a file in which another one may leave its times as they are."""

MOST_BYTES = 16 * 2**20
"""Size of the file of known digests at which it begins anew: of some 200,000 scans."""

_LOCK = Lock()
_KNOWN: dict[Path, dict[str, str]] = {}


def voxel_digest(volume: NDArray[np.float32], spacing: tuple[float, float, float]) -> str:
    """Return a digest of voxels and their size in mm, 32 hexadecimal digits."""
    found = hashlib.blake2b(repr(spacing).encode(), digest_size=16)
    found.update(np.ascontiguousarray(volume).data)
    return found.hexdigest()


def file_stamp(paths: Sequence[Path]) -> str:
    """Return a text that changes when a file of a scan does.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders of the scan, in the order of its channels.

    Returns
    -------
    str
        It has the path, size and times of each file; empty if that would not tell a change: if
        there are no files, if one cannot be looked at, or if one has just been written.
    """
    lines = []
    now = time.time()
    try:
        for path in paths:
            files = _files(path)
            stats = [file.stat() for file in files]
            if not stats or now - max(max(s.st_mtime, s.st_ctime) for s in stats) < SETTLED:
                return ""
            lines += [f"{f.absolute()} {_identity(s)}" for f, s in zip(files, stats, strict=True)]
    except (OSError, McwssError):
        return ""
    return "\n".join(lines)


def recall(key: str) -> str | None:
    """Return the digest that was remembered for a key; None if there is none."""
    with _LOCK:
        return _known().get(_short(key))


def remember(key: str, digest: str) -> None:
    """Remember a digest for a key, in this program and in later ones; write it if possible."""
    with _LOCK, suppress(OSError):
        known, path = _known(), _path()
        known[_short(key)] = digest
        if path.exists() and not path.is_file():
            return  # such as a pipe, which nobody may read
        path.parent.mkdir(parents=True, exist_ok=True)
        full = path.is_file() and path.stat().st_size > MOST_BYTES
        entry = f"{_short(key)} {digest}"
        # One short write: lines of several programs do not mix, and a torn one shows.
        with path.open("w" if full else "a", encoding="ascii", newline="\n") as file:
            file.write(f"{entry} {_check(entry)}\n")


def _files(path: Path) -> Sequence[Path]:
    """Return all that a path stands for, folders below it, too; nothing if that is not known."""
    if path.is_dir():
        return sorted(path.rglob("*"))
    kind = format_named(path)
    return [path] if kind is None or kind.files is None else kind.files(path)


def _identity(stat: stat_result) -> str:
    return f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _path() -> Path:
    return platformdirs.user_cache_path("napari-mcwss", appauthor=False) / "digests.txt"


def _known() -> dict[str, str]:
    """Read the digests in the file on first use."""
    path = _path()
    if path not in _KNOWN:
        _KNOWN[path] = {}
        with suppress(OSError):
            text = path.read_text("ascii", errors="replace") if path.is_file() else ""
            for line in text.splitlines():
                entry, _, check = line.rpartition(" ")
                if check == _check(entry):
                    key, _, digest = entry.partition(" ")
                    _KNOWN[path][key] = digest
    return _KNOWN[path]


def _short(key: str) -> str:
    # Another version may read the same files differently.
    return hashlib.blake2b(f"{__version__} {key}".encode(), digest_size=16).hexdigest()


def _check(entry: str) -> str:
    return f"{crc32(entry.encode()):08x}"
