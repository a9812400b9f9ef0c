"""Writing a training's events as lines of JSON, to standard output or to a file."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TextIO

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write
from napari_mcwss.segmentation.batch_progress import ScanProgress
from napari_mcwss.training.events import Batch
from napari_mcwss.training.process.event_json import Began, Cancelled, Error, Line, to_line
from napari_mcwss.training.process.steering import RunCancelled, Steering
from napari_mcwss.training.process.tail import tail

STANDARD = "-"
"""Stands for standard output and standard input."""

BATCH_INTERVAL = 0.5
"""Least seconds between two lines of batches, so that a day of training is a few megabytes."""


def commands_file(events: Path) -> Path:
    """Return the file with commands to a training, beside that of its events."""
    return events.with_suffix(".commands")


@contextmanager
def report(target: str, model: str, steering: Steering) -> Iterator[Callable[[Line], None]]:
    """Write the events of a training, its end included, and obey commands meanwhile.

    `target` is ``-`` for standard output, to which nothing else is written then, and for commands
    from standard input; or a file, with commands in its `commands_file`. The context is a function
    that writes one event.
    """
    if target == STANDARD:
        with _telling(sys.stdout, model) as tell, redirect_stdout(sys.stderr):
            steering.listen(_standard_input())
            yield tell
        return
    path = Path(target)
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from error
    with file, _telling(file, model) as tell:
        steering.listen(tail(commands_file(path)))
        yield tell


@contextmanager
def _telling(stream: TextIO, model: str) -> Iterator[Callable[[Line], None]]:
    writer = _Writer(stream)
    writer.tell(Began(model))
    try:
        yield writer.tell
    except RunCancelled:
        writer.tell(Cancelled())
        raise
    except McwssError as error:
        writer.tell(Error(str(error)))
        raise
    except Exception as error:
        writer.tell(Error(f"{type(error).__name__}: {error}"))
        raise


class _Writer:
    """Writes and flushes lines, but not more batches than a reader can follow."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_batch = float("-inf")
        self._heard = True

    def tell(self, event: Line) -> None:
        if not self._heard:
            return
        if _is_frequent(event):
            now = time.monotonic()
            if now - self._last_batch < BATCH_INTERVAL:
                return
            self._last_batch = now
        try:
            self._stream.write(to_line(event) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            # The reader is gone, but the training goes on.
            self._heard = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        except OSError as error:
            raise cannot_write(Path(self._stream.name), error) from error


def _is_frequent(event: Line) -> bool:
    """Tell whether an event may be left out, unlike the beginning of a scan."""
    return isinstance(event, Batch) or (isinstance(event, ScanProgress) and event.total > 0)


def _standard_input() -> Iterator[str]:
    """Yield the lines of standard input; its end is not a command."""
    if sys.stdin is None:
        return
    # Unbuffered: a thread that waits in a buffered read would keep the program from ending.
    with open(0, "rb", buffering=0, closefd=False) as stream:
        for line in stream:
            yield line.decode(errors="replace")
