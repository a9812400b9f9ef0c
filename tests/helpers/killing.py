"""Kill trainings at random moments: ``python killing.py STUDY KILLS``.

Each is forked from this process, which has done one to its end: a start of
Python with all that a training loads would take a hundred times as long. The
child trains, or goes on where the last one was killed, and tells its events on
a pipe. What was found is told as JSON.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from napari_mcwss.study.study import Study
from napari_mcwss.training import clock
from napari_mcwss.training.checkpoints.state import read_state
from napari_mcwss.training.checkpoints.unfinished import unfinished_training, working_folder
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Checkpoint, Event, Finished
from napari_mcwss.training.loop import resume, train

CONFIG = TrainingConfig(preset="local", width=2, epochs=2, batch_size=4, device="cpu", refine=True)
LATER = 0.03
"""A kill comes up to so many seconds after an event."""

Place = tuple[int, int]
"""Epoch and batch that a state holds."""


@dataclass
class Kills:
    """What has come of kills so far.

    Attributes
    ----------
    problems : list of str
        What must not happen.
    states, finished : int
        States that were announced, and trainings that were at their end before
        they were killed.
    """

    study: Study
    problems: list[str] = field(default_factory=list)
    states: int = 0
    finished: int = 0
    place: Place | None = None

    def kill_one(self, seed: int, events: int) -> None:
        """Train or go on until a kill after one of so many events, and look what is left."""
        chance = random.Random(seed)
        lines = self._killed_after(chance.randrange(events), chance.uniform(0, LATER))
        self.problems += [json.loads(line) for line in lines if line.startswith('"')]
        announced = [tuple(json.loads(line)) for line in lines if line.startswith("[")]
        self.states += len(announced)
        last: Place = max([*announced, self.place or (0, 0)])
        self.place = None
        if "finished" in lines:
            self.finished += 1
        elif unfinished_training(self.study, "m") is not None:
            self.place = self._read_place()
            if self.place < last:
                self.problems.append(f"{self.place} is older than {last}")
        elif last != (0, 0) and "m" not in self.study.model_names():
            # Else it has ended between its last state and telling so.
            self.problems.append(f"nothing is left of {last}")

    def _killed_after(self, events: int, seconds: float) -> list[str]:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            self._work(write_end)
        os.close(write_end)
        received = b""
        while received.count(b"\n") <= events and (found := os.read(read_end, 4096)):
            received += found
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while found := os.read(read_end, 4096):
            received += found
        os.close(read_end)
        return received.decode().split("\n")

    def _work(self, pipe: int) -> None:
        try:
            for line in map(told, self._events()):
                os.write(pipe, f"{line}\n".encode())
        except BaseException as error:
            os.write(pipe, f"{json.dumps(f'{type(error).__name__}: {error}')}\n".encode())
        finally:
            os._exit(0)

    def _events(self) -> Iterator[Event]:
        if self.place:
            return resume(self.study, "m")
        return train(self.study, "m", CONFIG, restart=True)

    def _read_place(self) -> Place:
        state = read_state(working_folder(self.study, "m") / "resume.pt")
        if state.run and (run := state.run["place"]):
            return state.before + run["epoch"], run["batches"]
        return state.epochs, state.batches


def told(event: Event) -> str:
    """Return a line for an event: the place of a state, the end, or nothing."""
    if isinstance(event, Checkpoint) and event.kind == "state":
        return json.dumps([event.epoch, event.batch])
    return "finished" if isinstance(event, Finished) else ""


def count(events: Iterable[Event]) -> int:
    return sum(1 for _ in events)


def main(folder: str, kills: str) -> None:
    torch.set_num_threads(1)
    # As often as it can: kills are to fall into the writing of a state, too.
    clock.MINUTE, clock.SHARE = 0.0, 1e9
    study = Study.open(Path(folder))
    events = count(train(study, "warm", CONFIG))
    found = Kills(study)
    for seed in range(int(kills)):
        found.kill_one(seed, events)
    if found.place:
        count(resume(study, "m"))
        found.finished += 1
    result = {name: vars(found)[name] for name in ("problems", "states", "finished")}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
