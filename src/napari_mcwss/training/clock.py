"""The time that a training has taken, and will take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

NEWEST = 0.05
"""Weight of the newest batch in the averages of `Pace`, after the first 20."""

MINUTE = 60.0
"""Seconds after which a state is written within an epoch."""

SHARE = 0.03
"""Largest share of the time for writing states."""


class Clock:
    """Counts the seconds of a training without its pauses, from those before it was resumed."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._zero = time.monotonic() - seconds

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._zero

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock inside the context."""
        stopped = time.monotonic()
        try:
            yield
        finally:
            self._zero += time.monotonic() - stopped


class Pace:
    """The speed of the last batches, as exponential averages."""

    def __init__(self) -> None:
        self._batches = 0
        self._seconds = self._progress = self._slices = 0.0

    def add(self, seconds: float, progress: float, slices: int) -> None:
        """Add a batch, which took some seconds and was some share of the training."""
        self._batches += 1
        # The first ones have equal weights, since the very first one takes longest.
        weight = max(NEWEST, 1 / self._batches)
        self._seconds += weight * (seconds - self._seconds)
        self._progress += weight * (progress - self._progress)
        self._slices += weight * (slices - self._slices)

    @property
    def slices_per_second(self) -> float:
        """Slices per second; 0 before the first batch."""
        return self._slices / self._seconds if self._seconds else 0.0

    def seconds_left(self, progress: float) -> float:
        """Return the seconds that the rest takes, if the share `progress` is done, 0..1."""
        return (1 - progress) * self._seconds / self._progress if self._progress else 0.0


class Cadence:
    """Decides when to write a state: often, but without slowing the training down."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.seconds
        self._cost = 0.0

    def due(self, *, epoch_done: bool) -> bool:
        """Return whether to write: after a minute or an epoch, at most `SHARE` of the time."""
        rest = 0.0 if epoch_done else MINUTE
        return self._clock.seconds - self._last >= max(rest, self._cost / SHARE)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure the time that writing takes."""
        began = self._clock.seconds
        try:
            yield
        finally:
            self._last = self._clock.seconds
            self._cost = self._last - began
