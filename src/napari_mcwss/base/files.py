"""Writing files so that a crash, a full disk or a power failure loses nothing."""

from __future__ import annotations

import errno
import math
import os
import re
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from collections.abc import Iterator


_TEMPORARY = re.compile(r"\.[0-9a-f]{8}-.|\.tmp\w{6}$")
"""Names of files that are being written, here and in safetensors."""

_LEFT_OVER = 24 * 60 * 60
"""Seconds after which no program writes a temporary file any longer."""

_LOOKED_THROUGH: dict[Path, float] = {}
"""When `replacing` has looked for such files, by folder: in one of many files it takes a while."""


def is_there(path: Path) -> bool:
    """Tell whether a file or folder exists; one that may not be looked at does not.

    `Path.exists` raises an error for names that are too long, and for folders that may not be read.
    """
    try:
        return path.exists()
    except OSError:
        return False


@contextmanager
def replacing(path: Path, *, parents: bool = False) -> Iterator[Path]:
    """Write a file in full beside its place, then put it there in one step.

    The block writes to the temporary path that it is given. When it ends, the
    file is flushed to the disk and takes the place of `path`; when it raises,
    the temporary file is removed and `path` is as it was. Readers therefore
    see the old file or the new one, never a part of either.

    The folder of the file is made if it is missing, and the folders above it if `parents`: by
    default, nothing is written where a study was whose drive is gone. A link is followed: its
    target is replaced, not the link; but not out of its folder, unless `parents`: a study may come
    from a stranger. A `McwssError` says why the file cannot be written.

    Yields
    ------
    Path
        A hidden, unused name in the same folder, ending in the name of `path`
        so that libraries that look at suffixes choose the same format.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with replacing(path) as temporary:
    ...     _ = temporary.write_text("slice 12 looks odd")
    >>> path.read_text()
    'slice 12 looks odd'
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(4)}-{target.name}")
    # Without `parents`, the folder is one of ours.
    if not parents:
        refuse_link_out(path, path.parent)
        _remove_leftovers_daily(target.parent)
    try:
        _make_lasting(target.parent, parents=parents)
        try:
            yield temporary
            _flush(temporary)
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _flush_folder(target.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def remove_leftovers(folder: Path) -> None:
    """Remove files of `replacing` that a crash has left in a folder, if they are a day old."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.match(entry.name) and time.time() - entry.stat().st_mtime > _LEFT_OVER:
                Path(entry.path).unlink(missing_ok=True)


def _remove_leftovers_daily(folder: Path) -> None:
    now = time.monotonic()
    if now - _LOOKED_THROUGH.get(folder, -math.inf) > _LEFT_OVER:
        _LOOKED_THROUGH[folder] = now
        remove_leftovers(folder)


def append_line(path: Path, line: str, above: Path | None = None) -> int:
    """Add one line to a file; when this returns, the line is on the disk.

    The file and its folder are made if they are missing, and before them the folder `above`. If the
    file ends in the middle of a line (the machine died while writing), that part is left as a line
    of its own. After a `McwssError` the file is as it was before.

    Returns
    -------
    int
        Size of the file before, in bytes.
    """
    try:
        with open(_opened_to_append(path, above), "a+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            data = line.encode() + b"\n"
            if size:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    data = b"\n" + data
            try:
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
        if not size:
            _flush_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    return size


def _opened_to_append(path: Path, above: Path | None) -> int:
    """Open a file, which may be missing, with one look at its path: each takes a while on a share.

    A link that leads out of the folder is refused.
    """
    no_follow = getattr(os, "O_NOFOLLOW", 0)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | no_follow
    try:
        if not no_follow:
            refuse_link_out(path, path.parent)
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        for folder in filter(None, (above, path.parent)):
            _make_lasting(folder)
        return os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK):  # EMLINK in BSD
            raise
        refuse_link_out(path, path.parent)
        return os.open(path, flags & ~no_follow, 0o666)


def refuse_link_out(path: Path, folder: Path) -> None:
    """Refuse to write to a link that leads out of a folder."""
    if not path.is_symlink():
        return
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(os.path.realpath(folder)):
        raise McwssError(
            f"cannot write '{path}': it is a link to '{target}', outside '{folder}', and may be "
            "read but not written to; nothing was changed: put what it leads to in its place"
        )


def make_folders(folder: Path, *, parents: bool = True) -> None:
    """Make a folder and, if `parents`, those above it, where they are missing."""
    try:
        _make_lasting(folder, parents=parents)
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(path: Path, error: OSError) -> McwssError:
    """Return the error for a file that could not be written, in one line."""
    return McwssError(
        f"cannot write '{path}': {error.strerror or error}; nothing was changed: "
        "check that the disk has space and that you may write there"
    )


def _flush(path: Path) -> None:
    # Windows flushes only what is open for writing.
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _make_lasting(folder: Path, *, parents: bool = False) -> None:
    """Make a folder, if it is missing, that is still there after a power failure."""
    if not folder.is_dir():
        folder.mkdir(parents=parents, exist_ok=True)
        _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    """Wait until names are on the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot flush a folder; the file itself is safe.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
