"""Training in a process of its own, followed from here by the events that it writes."""

import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from enum import StrEnum

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.corrected import CORRECTED
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.cpu_priority import give_precedence, sparing
from napari_mcwss.training.events import Batch, Finished
from napari_mcwss.training.process.event_json import Began, Cancelled, End, Error, Line, from_line
from napari_mcwss.training.process.run_folder import RunFolder
from napari_mcwss.training.process.steering import RunCancelled
from napari_mcwss.training.process.tail import Tail

logger = logging.getLogger(__name__)

INTERVAL = 0.1
"""Seconds between two looks at what a process has written."""

BATCHES = 300
"""About how many batches are told of one look: the first goes over all that was before."""

TORCHRUN = "torch.distributed.run"
"""The module that starts a training in several processes."""


class Beginning(StrEnum):
    """How a training begins: new, or where another one of the name was left."""

    NEW = "new"
    RESUME = "resume"
    RESTART = "restart"


def train_command(
    study: Study,
    model: str,
    config: TrainingConfig,
    beginning: Beginning = Beginning.NEW,
    ranks: int = 1,
    *,
    trust_corrected: bool = False,
) -> list[str]:
    """Return the command that trains a model in a process of its own.

    Parameters
    ----------
    study : Study
        What to train on.
    model : str
        Name of the model.
    config : TrainingConfig
        Settings; not used by a training that is resumed, which has its own.
    beginning : Beginning
        Whether the training is new, resumed, or replaces an unfinished one.
    ranks : int
        Processes that share each step; the first one does the rest.
    trust_corrected : bool
        Whether the second stage learns from corrected masks marked as right.

    Returns
    -------
    list of str
        Program and arguments; the events go to the model's `RunFolder`.
    """
    command = [sys.executable, "-m"]
    if ranks > 1:
        command += [TORCHRUN, "--standalone", f"--nproc-per-node={ranks}", "-m"]
    command += ["napari_mcwss", "train", str(study.folder), "--model", model]
    # The button has said already that a new training replaces a model.
    command.append("--replace" if beginning is Beginning.NEW else f"--{beginning}")
    if beginning is not Beginning.RESUME:
        command += ["--settings", config.model_dump_json(exclude_defaults=True)]
        if trust_corrected:
            command += ["--trust", CORRECTED]
    return [*command, "--events", str(RunFolder.of(study, model).events)]


def run_process(command: Sequence[str], run: RunFolder) -> Generator[Line | None, None, None]:
    """Start a process that outlives this one, and follow it, as `follow` does.

    It leaves a core to the screen, and other programs go before it.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; it writes its events to the run's.
    run : RunFolder
        Made for it.

    Raises
    ------
    McwssError
        If it cannot be started; and as for `follow`.
    """
    try:
        process = _start(command, run)
    except OSError as error:
        run.remove()
        raise McwssError(
            f"cannot start the training of {run.model}: {error.strerror or error}: train without "
            "a separate process"
        ) from error
    yield from follow(run, process)


def _start(command: Sequence[str], run: RunFolder) -> subprocess.Popen[bytes]:
    with run.output.open("wb") as output:
        process = subprocess.Popen(
            command,
            # torchrun gives each of its processes a single thread.
            env=dict(os.environ) if TORCHRUN in command else sparing(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Neither Ctrl+C in the terminal of this program nor its end are meant for it.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
            | getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    give_precedence(process)
    return process


def follow(
    run: RunFolder, process: subprocess.Popen[bytes] | None = None
) -> Generator[Line | None, None, None]:
    """Tell what a process tells, from its first event on, until it has ended.

    Closing the generator leaves the process running. Of many batches at once,
    as of a process that was found again, some are left out, evenly.

    Parameters
    ----------
    run : RunFolder
        Removed once its end is told.
    process : Popen, optional
        The process, if this program has started it.

    Yields
    ------
    Line or None
        Its events; None where there was none for a moment.

    Raises
    ------
    RunCancelled
        If it was cancelled.
    McwssError
        What the process said when it failed, or how it died without a word.
    """
    end = None
    with closing(Tail(run.events)) as tail:
        gone = False
        while not gone:
            # First the process, then its events: the last ones are missed by none.
            gone = process.poll() is not None if process else not run.live
            for event in _thinned(_read(tail, run, forget=gone)):
                if isinstance(event, End):
                    end = event
                if not isinstance(event, Began | Cancelled | Error):
                    yield event
            yield None
            time.sleep(0 if gone else INTERVAL)
    output = run.output_text()
    run.remove()
    if isinstance(end, Cancelled):
        raise RunCancelled
    if not isinstance(end, Finished):
        logger.error("the training of %s failed: %s", run.model, output)
        code = None if process is None else process.returncode
        raise McwssError(end.text if end else _death(run.model, code, output))


def _read(tail: Tail, run: RunFolder, *, forget: bool) -> list[Line]:
    """Read new events; a run that is over must not be in the way if they are damaged."""
    try:
        return [from_line(line) for line in tail.lines()]
    except McwssError as error:
        if forget:
            run.remove()
        raise McwssError(f"cannot follow the training of {run.model}: {error}") from error


def _thinned(events: list[Line]) -> list[Line]:
    """Leave out batches where there are many, but not the last one."""
    places = [place for place, event in enumerate(events) if isinstance(event, Batch)]
    step = math.ceil(len(places) / BATCHES) or 1
    left_out = {*places} - {*places[::-step]}
    return [event for place, event in enumerate(events) if place not in left_out]


def _death(model: str, code: int | None, output: str) -> str:
    """Say in a line how a process ended that did not say it itself."""
    if code is None:
        how = "has ended without a word, as when it is killed or the computer restarts"
    elif code == -9:
        how = (
            "was killed, as the system does when memory runs out: try a smaller width or coarser "
            "pixels"
        )
    elif code < 0:
        how = f"was ended by signal {-code}"
    else:
        how = f"has ended without a word (exit code {code})"
    said = [line.strip() for line in output.split("\n") if line.strip()]
    # What torchrun says at the end, of many lines, tells less than what its processes did.
    said = [line for line in said if line.startswith("error: ")] or said
    return f"the training of {model} {how}" + (f"; it said: {said[-1]}" if said else "")
