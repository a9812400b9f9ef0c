"""What a user asks of a run while it goes on: to pause, to resume, to cancel."""

import signal
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

COMMANDS = ("pause", "resume", "cancel")

WATCH = "watch"
"""Begins the command that names a slice and, after it, the scan: ``watch 12 pat0001``."""


@dataclass(frozen=True)
class Paused:
    """The run rests after the event before this one."""


@dataclass(frozen=True)
class Resumed:
    """The run goes on."""


class RunCancelled(Exception):  # noqa: N818 - it is what was asked for, no error
    """The run has ended because it was cancelled; what it had learnt is kept."""


class Steering:
    """The wishes of a user; any thread may tell them or ask for them.

    Attributes
    ----------
    paused, cancelled : bool
        What is wished; a run follows at its next event.
    watched : tuple or None
        The scan and the slice that the user looks at.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.paused = False
        self.cancelled = False
        self.watched: tuple[str, int] | None = None

    def pause(self) -> None:
        """Have the run rest at its next event."""
        self._wish(paused=True)

    def resume(self) -> None:
        """Have the run go on."""
        self._wish(paused=False)

    def cancel(self) -> None:
        """Have the run end at its next event, or now if it rests."""
        self._wish(cancelled=True)

    def obey(self, command: str) -> None:
        """Do what one of `COMMANDS`, or `WATCH`, says, and warn of any other."""
        word, _, rest = command.partition(" ")
        index, _, scan = rest.partition(" ")
        if command in COMMANDS:
            getattr(self, command)()
        elif word == WATCH and scan and index.isdecimal():
            self.watched = scan, int(index)
        elif command:
            expected = f"{', '.join(COMMANDS)} or {WATCH} SLICE SCAN"
            warnings.warn(f"unknown command {command!r}: expected {expected}", stacklevel=2)

    def listen(self, commands: Iterable[str]) -> None:
        """Obey commands as they come, in a thread that ends with the program."""

        def obey_all() -> None:
            for command in commands:
                self.obey(command.strip())

        threading.Thread(target=obey_all, name="commands", daemon=True).start()

    def rest(self) -> None:
        """Wait, idle, while the run is paused."""
        with self._changed:
            self._changed.wait_for(lambda: self.cancelled or not self.paused)

    def _wish(self, **wishes: bool) -> None:
        with self._changed:
            vars(self).update(wishes)
            self._changed.notify_all()


def steered(events: Generator[Any, None, Any], steering: Steering) -> Generator[Any, None, Any]:
    """Drive a run as its user wishes; it is closed whatever happens.

    Parameters
    ----------
    events : generator
        The run, not begun.
    steering : Steering
        What the user wishes, looked at before each event.

    Yields
    ------
    object
        The events; `Paused` and `Resumed` where it rests.

    Returns
    -------
    object
        The value of the run.

    Raises
    ------
    RunCancelled
        If it was cancelled before it had ended.
    """
    with closing(events):
        while not steering.cancelled:
            if steering.paused:
                yield Paused()
                steering.rest()
                if not steering.cancelled:
                    yield Resumed()
                continue
            try:
                event = next(events)
            except StopIteration as end:
                return end.value
            yield event
    raise RunCancelled


@contextmanager
def cancelled_by_signals(steering: Steering) -> Iterator[None]:
    """Take Ctrl+C and the request of the system to end as a wish to cancel, the first time."""
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for kind, handler in before.items():
            signal.signal(kind, handler)

    def cancel(_: int, __: FrameType | None) -> None:
        restore()
        # In a thread of its own: this one may hold the lock that the wish needs.
        threading.Thread(target=steering.cancel).start()

    for kind in before:
        signal.signal(kind, cancel)
    try:
        yield
    finally:
        restore()
