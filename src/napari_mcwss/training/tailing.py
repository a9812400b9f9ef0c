"""Reading a file that another program writes at, line by line."""

import time
from collections.abc import Iterator
from pathlib import Path

LOOK_INTERVAL = 0.2
"""Seconds between two looks at a file that grows."""


class Tail:
    """Gives the complete lines of a file as they come.

    Parameters
    ----------
    path : Path
        The file; it may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def lines(self) -> list[str]:
        """Give the lines since the last call; one whose end is missing waits for it."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                complete, end, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._offset += len(complete) + len(end)
        return complete.decode(errors="replace").split("\n") if end else []


def tail(path: Path) -> Iterator[str]:
    """Give the lines of a file as they come, without end."""
    growing = Tail(path)
    while True:
        yield from growing.lines()
        time.sleep(LOOK_INTERVAL)
