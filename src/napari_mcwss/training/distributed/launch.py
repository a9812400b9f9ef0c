"""Which of the processes that torchrun started together this one is."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Launch:
    """The place of a process among those that were started together.

    Attributes
    ----------
    rank, size : int
        Its number, counted from 0, and how many there are, on all machines.
    local_rank : int
        Its number on its own machine: that of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def of_environment(cls) -> "Launch":
        """Read what torchrun tells its processes; the only one where it told nothing."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        if not all(os.environ.get(name, "").isdecimal() for name in names):
            return cls()
        return cls(*(int(os.environ[name]) for name in names))

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Give the items that this process is to do; together, all do each once."""
        return items[self.rank :: self.size]

    def device(self, name: str) -> str:
        """Give the device of this process: with others, ``cuda`` is the GPU of its number."""
        return f"cuda:{self.local_rank}" if self.size > 1 and name == "cuda" else name
