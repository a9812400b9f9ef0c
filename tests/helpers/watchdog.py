"""Finds stretches of our own code that keep the window from answering."""

import gc
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType

import napari

import napari_mcwss

LIMIT = 0.1
"""Most seconds that our code may take on the main thread at a time."""

STEP = 0.005
"""Seconds between two looks at the main thread."""

OURS, NAPARI = (f"{Path(module.__file__).parent}{os.sep}" for module in (napari_mcwss, napari))


@dataclass
class Stretch:
    """What the main thread did between two returns to the event loop, in seconds of its own time.

    `napari` is time in napari called by our code, such as adding a layer.
    """

    ours: float = 0.0
    napari: float = 0.0
    places: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        places = ", ".join(place for place, _ in self.places.most_common(3))
        return f"{self.ours:.2f} s of ours, {self.napari:.2f} s of napari ({places})"


class Watchdog:
    """Watches the main thread while the context lasts, by a timer that interrupts it.

    Processor time counts, not the clock: a machine at work on other things makes no difference.
    A look at the stack tells whose it is: whatever our code calls is ours, imports included, except
    what napari does for it. No garbage is collected meanwhile, which takes longer the more tests
    ran before.
    """

    def __init__(self) -> None:
        self.all: list[Stretch] = []
        self._turn: FrameType | None = None
        self._used = 0.0

    @property
    def long(self) -> list[str]:
        """Stretches in which our code took longer than `LIMIT`."""
        return [str(stretch) for stretch in self.all if stretch.ours > LIMIT]

    def __enter__(self) -> "Watchdog":
        gc.disable()
        self._used = time.thread_time()
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, STEP, STEP)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        gc.enable()
        self._turn = None

    def _look(self, _: int, frame: FrameType | None) -> None:
        frames, now = _frames(frame), time.thread_time()
        taken, self._used = now - self._used, now
        if not frames:
            self._turn = None
            return
        if frames[-1] is not self._turn:
            self._turn = frames[-1]
            self.all.append(Stretch())
        stretch = self.all[-1]
        if frames[0].f_code.co_filename.startswith(OURS):
            stretch.ours += taken
            stretch.places[_place(frames[0])] += 1
        else:
            stretch.napari += taken


def _frames(frame: FrameType | None) -> list[FrameType]:
    """Return the frames of our code and of napari called by it, innermost first."""
    found = []
    while frame is not None:
        if frame.f_code.co_filename.startswith((OURS, NAPARI)):
            found.append(frame)
        frame = frame.f_back
    while found and not found[-1].f_code.co_filename.startswith(OURS):
        found.pop()  # napari's own doing, such as drawing
    return found


def _place(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename).relative_to(OURS)
    return f"{path}:{frame.f_lineno}"
