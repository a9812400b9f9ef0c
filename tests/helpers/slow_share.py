"""A folder that answers as slowly as a share over a network."""

import builtins
import io
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from helpers.watchdog import OURS, _frames

if TYPE_CHECKING:
    from types import FrameType

LATENCY = 0.03
"""Seconds that each operation on a file takes."""

_OPERATIONS = (
    *("stat", "lstat", "open", "listdir", "scandir", "mkdir", "rename", "replace", "unlink"),
    *("rmdir", "link", "utime", "chmod", "readlink", "access", "statvfs"),
)


@dataclass
class Pause:
    """File operations between two returns to the event loop."""

    operations: int = 0
    places: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.operations * LATENCY

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s:\n" + "\n".join(self.places)


class SlowShare:
    """Delays operations on files in a folder, and counts those of the main thread by pause."""

    def __init__(self, folder: Path) -> None:
        self.pauses: list[Pause] = []
        self._folder = os.path.realpath(folder)
        self._turn: FrameType | None = None
        self._patches = ExitStack()

    def over(self, seconds: float) -> list[str]:
        """Pauses that are longer than this."""
        return [str(pause) for pause in self.pauses if pause.seconds > seconds]

    def __enter__(self) -> "SlowShare":
        for name in _OPERATIONS:
            self._patches.enter_context(patch.object(os, name, self._slow(getattr(os, name))))
        opened = self._slow(io.open)
        self._patches.enter_context(patch.object(io, "open", opened))
        self._patches.enter_context(patch.object(builtins, "open", opened))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()
        self._turn = None

    def _slow(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def slow(path: Any = ".", *arguments: Any, **named: Any) -> Any:
            if isinstance(path, str | os.PathLike) and str(path).startswith(self._folder):
                if threading.current_thread() is threading.main_thread():
                    self._count(real.__name__)
                time.sleep(LATENCY)
            return real(path, *arguments, **named)

        return slow

    def _count(self, name: str) -> None:
        frames = _frames(sys._getframe(2))
        if not frames:
            return  # the test's own
        if frames[-1] is not self._turn:
            self._turn = frames[-1]
            self.pauses.append(Pause())
        self.pauses[-1].operations += 1
        ours = [f for f in traceback.extract_stack() if f.filename.startswith(OURS)]
        where = " < ".join(f"{f.filename[len(OURS) :]}:{f.lineno}" for f in reversed(ours[-5:]))
        self.pauses[-1].places.append(f"{name} {where}")
