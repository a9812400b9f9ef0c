"""Steering a running training: pause, resume, cancel."""

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
"""First word of the command that names slice and scan on screen: ``watch 12 pat0001``."""


@dataclass(frozen=True)
class Paused:
    """The training has paused after the previous event."""


@dataclass(frozen=True)
class Resumed:
    """The training goes on."""


class RunCancelled(Exception):  # noqa: N818 - not an error
    """The training was cancelled; what it has learnt is kept."""


class Steering:
    """What the user wants of a training after its next event; safe to use from any thread.

    `watched` are scan and slice on screen.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.paused = False
        self.cancelled = False
        self.watched: tuple[str, int] | None = None

    def pause(self) -> None:
        """Pause the training after its next event."""
        self._set(paused=True)

    def resume(self) -> None:
        """Let the training go on."""
        self._set(paused=False)

    def cancel(self) -> None:
        """End the training after its next event, or now if it is paused."""
        self._set(cancelled=True)

    def obey(self, command: str) -> None:
        """Do what one of `COMMANDS`, or `WATCH`, says; warn of any other command."""
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
        """Obey commands as they come, in a daemon thread."""

        def obey_all() -> None:
            for command in commands:
                self.obey(command.strip())

        threading.Thread(target=obey_all, name="commands", daemon=True).start()

    def rest(self) -> None:
        """Wait while the training is paused."""
        with self._changed:
            self._changed.wait_for(lambda: self.cancelled or not self.paused)

    def _set(self, **values: bool) -> None:
        with self._changed:
            vars(self).update(values)
            self._changed.notify_all()


def steered(events: Generator[Any, None, Any], steering: Steering) -> Generator[Any, None, Any]:
    """Drive a training, not started, as the user wants before each event; close it in the end.

    Yield its events, with `Paused` and `Resumed` between them, and return its value.

    Raises
    ------
    RunCancelled
        If it was cancelled before its end.
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


# Windows has no SIGHUP.
ENDINGS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that ask a process to end."""


@contextmanager
def cancelled_by_signals(steering: Steering) -> Iterator[None]:
    """Cancel at Ctrl+C, at the system's request to end, and when the terminal is closed.

    The second one has its usual effect. What is ignored, as after ``nohup``, stays so.
    """
    before = {
        kind: handler
        for kind in ENDINGS
        if (handler := signal.getsignal(kind)) is not signal.SIG_IGN
    }

    def restore() -> None:
        for kind, handler in before.items():
            signal.signal(kind, handler)

    def cancel(_: int, __: FrameType | None) -> None:
        restore()
        # In another thread: this one may hold the lock of the steering.
        threading.Thread(target=steering.cancel).start()

    for kind in before:
        signal.signal(kind, cancel)
    try:
        yield
    finally:
        restore()
