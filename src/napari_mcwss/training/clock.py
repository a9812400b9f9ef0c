"""The time that a training takes, and what that says about the time to come."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

NEWEST = 0.05
"""Weight of the newest batch in the averages of `Pace`, once there are 20."""

MINUTE = 60.0
"""Seconds after which a state is written in the middle of an epoch."""

SHARE = 0.03
"""Share of the time that writing states takes at most."""


class Clock:
    """Counts the seconds in which a training works.

    While whoever drives it waits, or after a kill until it is resumed, it does not.

    Parameters
    ----------
    seconds : float
        Where it begins.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._zero = time.monotonic() - seconds

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._zero

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stand still for a while."""
        stopped = time.monotonic()
        try:
            yield
        finally:
            self._zero += time.monotonic() - stopped


class Pace:
    """How fast batches go by, as averages in which older ones fade."""

    def __init__(self) -> None:
        self._batches = 0
        self._seconds = self._progress = self._slices = 0.0

    def add(self, seconds: float, progress: float, slices: int) -> None:
        """Take note of a batch.

        Parameters
        ----------
        seconds : float
            Since the one before.
        progress : float
            Share of the training by which it went on.
        slices : int
            In the batch.
        """
        self._batches += 1
        # The first ones count alike: it is the very first that takes longest.
        weight = max(NEWEST, 1 / self._batches)
        self._seconds += weight * (seconds - self._seconds)
        self._progress += weight * (progress - self._progress)
        self._slices += weight * (slices - self._slices)

    @property
    def slices_per_second(self) -> float:
        """Slices a second; 0 before the first batch."""
        return self._slices / self._seconds if self._seconds else 0.0

    def seconds_left(self, progress: float) -> float:
        """Give the seconds that the rest of a training takes at this pace.

        Parameters
        ----------
        progress : float
            Share of the training that is done, 0..1.
        """
        return (1 - progress) * self._seconds / self._progress if self._progress else 0.0


class Cadence:
    """When a state is to be written: often, but not at the cost of the training.

    Parameters
    ----------
    clock : Clock
        Of the training.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.seconds
        self._cost = 0.0

    def due(self, *, epoch_done: bool) -> bool:
        """Tell whether to write: after a minute or an epoch, for `SHARE` of the time at most."""
        rest = 0.0 if epoch_done else MINUTE
        return self._clock.seconds - self._last >= max(rest, self._cost / SHARE)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure what writing costs."""
        began = self._clock.seconds
        try:
            yield
        finally:
            self._last = self._clock.seconds
            self._cost = self._last - began
