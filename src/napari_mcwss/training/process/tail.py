"""Reading a file that another program writes at, line by line."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LOOK_INTERVAL = 0.2
"""Seconds between two looks at a file that grows."""


class Tail:
    """Gives the complete lines of a file as they come, even if it is removed meanwhile.

    Parameters
    ----------
    path : Path
        The file; it may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._part = b""

    def lines(self) -> list[str]:
        """Give the lines since the last call; one whose end is missing waits for it."""
        if self._file is None:
            try:
                self._file = self.path.open("rb")
            except FileNotFoundError:
                return []
        complete, end, part = (self._part + self._file.read()).rpartition(b"\n")
        self._part = part
        return complete.decode(errors="replace").split("\n") if end else []

    def close(self) -> None:
        """Read no more."""
        if self._file is not None:
            self._file.close()


def tail(path: Path) -> Iterator[str]:
    """Give the lines of a file as they come, without end."""
    growing = Tail(path)
    while True:
        yield from growing.lines()
        time.sleep(LOOK_INTERVAL)
