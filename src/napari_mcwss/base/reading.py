"""The boundary of all that reads files: whatever fails there becomes one line."""

from __future__ import annotations

import errno
import io
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import bytes_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEFLATED = 1032
"""The most bytes that one byte of a deflated file (gzip, zip, PNG) can stand for."""

_TELLING = (OSError, ValueError, EOFError)
"""Errors whose text says what is wrong; the text of others, such as KeyError, needs their name."""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise whatever fails while a file is read as one line that names it.

    Also a decorator. Files are read by libraries, in which damage raises errors of any kind: it
    is not possible to list them.

    Raises
    ------
    McwssError
        If the path is neither a file nor a folder, or the block fails.

    Examples
    --------
    >>> from pathlib import Path
    >>> with readable(Path("notes.txt")):
    ...     raise KeyError("encoding")
    Traceback (most recent call last):
    napari_mcwss.base.errors.McwssError: 'notes.txt' is damaged or not the kind of file that its \
name says (KeyError: 'encoding'): copy it again or leave it out
    """
    try:
        refuse_devices(path)
        yield
    except McwssError:
        raise
    except Exception as error:
        raise unreadable(path, error) from error


class BoundedFile(io.BufferedReader):
    """A file of which no more is asked for than it has, however much its header declares.

    Libraries ask for as many bytes as a damaged length says, and memory is taken for them.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__(io.FileIO(path))
        self._size = self.seek(0, os.SEEK_END)
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes."""
        left = max(self._size - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


def file_bytes(path: Path) -> bytes:
    """Read a whole file; an `OSError` says what is wrong, also of a pipe or a device."""
    # One look at the path, as each takes a while on a share. A pipe would have to be waited for.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def refuse_devices(path: Path) -> None:
    """Refuse what is neither a file nor a folder: a pipe or a device may have no end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise McwssError(f"'{path}' is a pipe or a device: expected a file: leave it out")


def unreadable(path: Path, error: Exception) -> McwssError:
    """Return the error to raise for a file that cannot be read, with the reason in one line."""
    if isinstance(error, FileNotFoundError):
        return McwssError(f"'{path}' does not exist: put it back or name another file")
    if isinstance(error, PermissionError):
        return McwssError(f"'{path}' may not be read: ask its owner for permission")
    if isinstance(error, MemoryError):
        return McwssError(
            f"'{path}' does not fit into memory: close other programs, or leave it out"
        )
    name = type(error).__name__
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    # Parts of the file, which can be anything, are in many messages.
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    if not isinstance(error, _TELLING):
        text = f"{name}: {text}" if text else name
    return McwssError(
        f"'{path}' is damaged or not the kind of file that its name says ({text or name}): "
        "copy it again or leave it out"
    )


def refuse_more_than_held(path: Path, needed: int, held: int) -> None:
    """Refuse a file whose header declares more bytes than it can hold, before it is read.

    Parameters
    ----------
    path : Path
        The file.
    needed : int
        Bytes that the header declares.
    held : int
        The most that the file can hold.
    """
    if needed > held:
        raise McwssError(
            f"'{path}' is damaged: its header declares {bytes_text(needed)} of voxels, and it "
            f"holds {bytes_text(max(held, 0))} at most: copy it again or leave it out"
        )


def refuse_more_than_memory(path: Path, needed: int) -> None:
    """Refuse a file that needs more memory than is free, before it is read."""
    free = psutil.virtual_memory().available
    if needed > free:
        raise McwssError(
            f"'{path}' needs {bytes_text(needed)} of memory, of which {bytes_text(free)} are free: "
            "close other programs, or leave it out"
        )
