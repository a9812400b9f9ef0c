"""Which of the processes that torchrun started together this one is."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Launch:
    """The rank of a process among those that were started together on all machines.

    `local_rank` is its number on its own machine, which is also that of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def of_environment(cls) -> "Launch":
        """Read the variables that torchrun sets; without them there is one process."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        if not all(os.environ.get(name, "").isdecimal() for name in names):
            return cls()
        return cls(*(int(os.environ[name]) for name in names))

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return the items for this process; together, the processes get each once."""
        return items[self.rank :: self.size]

    def device(self, name: str) -> str:
        """Return the device of this process: of several, each takes the GPU of its number."""
        return f"cuda:{self.local_rank}" if self.size > 1 and name == "cuda" else name
