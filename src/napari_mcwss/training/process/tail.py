"""Reading the lines of a file while another program appends to it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LOOK_INTERVAL = 0.2
"""Seconds between two attempts to read."""


class Tail:
    """Reads the complete lines of a growing file, which need not exist yet or any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._part = b""

    def lines(self) -> list[str]:
        """Return the lines since the last call, without one that is not complete."""
        if self._file is None:
            try:
                self._file = self.path.open("rb")
            except FileNotFoundError:
                return []
        complete, end, part = (self._part + self._file.read()).rpartition(b"\n")
        self._part = part
        return complete.decode(errors="replace").split("\n") if end else []

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def tail(path: Path) -> Iterator[str]:
    """Yield the lines of a file as they come, forever."""
    growing = Tail(path)
    while True:
        yield from growing.lines()
        time.sleep(LOOK_INTERVAL)
