"""Random numbers that depend on a seed alone, whatever else the program draws."""

from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

import torch

Step = TypeVar("Step")
Result = TypeVar("Result")


def seeded(steps: Generator[Step, None, Result], seed: int) -> Generator[Step, None, Result]:
    """Run steps with global random numbers of their own, as first weights and dropout draw."""
    state = torch.Generator().manual_seed(seed).get_state()
    with closing(steps):
        while True:
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(state)
                try:
                    step = next(steps)
                except StopIteration as end:
                    result: Result = end.value
                    return result
                state = torch.get_rng_state()
            yield step
