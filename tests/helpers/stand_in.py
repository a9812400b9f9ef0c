"""The command line with a training that only talks.

``python stand_in.py train STUDY --model KIND``: the model's name says what it does.
Torch is not loaded, which would take seconds in every test that starts a process.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import napari_mcwss.training
from napari_mcwss.base.errors import McwssError
from napari_mcwss.cli.app import main
from napari_mcwss.training.events import (
    Batch,
    Epoch,
    Event,
    Finished,
    Message,
    Preview,
    Started,
)


def train(_: object, kind: str, *__: object, **___: Any) -> Iterator[Event]:
    """Tell the events of a kind of training."""
    try:
        yield from globals()[kind]()
    finally:
        if folder := os.environ.get("STAND_IN_CLOSED"):
            Path(folder, kind).write_text("closed")


def quick() -> Iterator[Event]:
    """Two epochs at once."""
    yield Started("quick", "cpu", ("pat1", "pat2"), (), 10, 2)
    for epoch in (1, 2):
        yield Batch(epoch, 1, 1, {"total": 1 / epoch}, epoch / 2, 2 - epoch)
        yield Epoch(epoch, {"total": 1 / epoch}, {})
    yield Finished("quick", Path("models/quick"), 2, 3)


def reading() -> Iterator[Event]:
    """Reads for ever."""
    while True:
        yield Message("reading pat1")
        time.sleep(0.01)


def validation() -> Iterator[Event]:
    """Measures for ever, after one batch."""
    yield Started("validation", "cpu", ("pat1",), ("pat2",), 10, 1)
    yield Batch(1, 1, 1, {"total": 1}, 1, 0)
    while True:
        yield Message("validating")
        time.sleep(0.01)


def endless() -> Iterator[Event]:
    """Trains for ever, twenty epochs a second."""
    yield Started("endless", "cpu", ("pat1",), (), 10, None)
    epoch = 0
    while True:
        epoch += 1
        yield Batch(epoch, 1, 1, {"total": 1}, 0.5, 60)
        time.sleep(0.05)
        yield Epoch(epoch, {"total": 1}, {"TC": 0.5})


def labelling() -> Iterator[Event]:
    """Labels for ever, after one epoch."""
    yield Started("labelling", "cpu", ("pat1",), (), 10, 2)
    yield Batch(1, 1, 1, {"total": 1}, 0.5, 1)
    yield Epoch(1, {"total": 1}, {})
    while True:
        yield Message("labelling pat1")
        time.sleep(0.01)


def previewing() -> Iterator[Event]:
    """Shows for ever what it sees, after one batch."""
    yield Started("previewing", "cpu", ("pat1",), (), 10, 1)
    yield Batch(1, 1, 1, {"total": 1}, 1, 0)
    while True:
        yield Preview("pat1", 0, np.zeros((2, 100, 100), np.uint8))
        time.sleep(0.01)


def stuck() -> Iterator[Event]:
    """Never comes to its second batch."""
    yield Started("stuck", "cpu", ("pat1",), (), 10, 1)
    yield Batch(1, 1, 2, {"total": 1}, 0.5, 1)
    while True:
        time.sleep(1)


def mistaken() -> Iterator[Event]:
    """Fails as a user's mistake does."""
    yield Message("reading pat1")
    raise McwssError("no tags: tag some")


def broken() -> Iterator[Event]:
    """Fails after a batch, as no programmer expected."""
    yield Started("broken", "cpu", ("pat1",), (), 10, 1)
    yield Batch(1, 1, 2, {"total": 1}, 0.5, 1)
    raise RuntimeError("two and two are five")


def killed() -> Iterator[Event]:
    """Is killed, as when memory runs out."""
    yield Message("reading pat1")
    os.kill(os.getpid(), signal.SIGKILL)


def leaving() -> Iterator[Event]:
    """Ends without a word."""
    yield Message("reading pat1")
    os._exit(7)


if __name__ == "__main__":
    loop = ModuleType("napari_mcwss.training.loop")
    loop.train = train
    sys.modules[loop.__name__] = napari_mcwss.training.loop = loop
    main()
