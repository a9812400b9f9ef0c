"""Starting a training in a process of its own, and following it by the events that it writes."""

import logging
import math
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from enum import StrEnum

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import number_text
from napari_mcwss.segmentation.batch_progress import Segmented
from napari_mcwss.segmentation.corrected import CORRECTED
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import steps_text
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
"""Seconds between two attempts to read events."""

BATCHES = 300
"""Batches passed on at a time, about: the first time there may be those of days."""

COMMAND = "{command}"
"""Stands for the command in a user's template."""

_PROGRAM = [sys.executable, "-m", "napari_mcwss"]

TORCHRUN = "torch.distributed.run"
"""The module that starts a training in several processes."""


class Beginning(StrEnum):
    """Whether a training is new, resumed, or replaces an unfinished one."""

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

    A training that is resumed has its own settings and does not use the given ones. `ranks`
    processes share each step; the first one does the rest. The events go to the model's
    `RunFolder`.
    """
    command = [*_PROGRAM[:-1]]
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


def segment_command(
    study: Study, model: str, scans: Sequence[str], settings: MaskSettings, *, use_tags: bool
) -> list[str]:
    """Return the command that segments scans in a process of its own.

    The events go to `RunFolder.of_segmentation`.
    """
    gate = 0.0 if settings.gate is None else settings.gate
    command = [*_PROGRAM, "segment", str(study.folder), "--model", model]
    command += ["--scans", ",".join(scans), "--steps", steps_text(settings.steps)]
    command += ["--threshold", number_text(settings.threshold), "--gate", number_text(gate)]
    for name, threshold in settings.thresholds.items():
        command += ["--threshold", f"{name}={number_text(threshold)}"]
    for name, found in settings.volumes.items():
        command += ["--volume", f"{name}={found}"]
    if not use_tags:
        command.append("--ignore-tags")
    return [*command, "--events", str(RunFolder.of_segmentation(study, model).events)]


def by_template(template: str, command: Sequence[str]) -> list[str]:
    """Return the command that has another one run elsewhere, as a user's template says.

    Parameters
    ----------
    template : str
        Such as ``ssh gpu01 {command}`` or ``sbatch --gres=gpu:1 --wrap {command}``. The command
        takes the place of ``{command}`` as one argument, and calls ``napari-mcwss``, which has to
        be found there.
    command : sequence of str
        A command of `train_command`, or another one that begins like it.

    Raises
    ------
    McwssError
        If the template has unclosed quotes or no ``{command}``.

    Examples
    --------
    >>> by_template("ssh gpu01 {command}", [sys.executable, "-m", "napari_mcwss", "train", "a b"])
    ['ssh', 'gpu01', "napari-mcwss train 'a b'"]
    """
    try:
        parts = shlex.split(template)
    except ValueError as error:
        raise McwssError(f"{template!r} cannot be read ({error}): close its quotes") from error
    if not any(COMMAND in part for part in parts[1:]):
        raise McwssError(
            f"{template!r} has no place for the command: expected {COMMAND}, as in "
            f"ssh gpu01 {COMMAND}"
        )
    own = list(command)
    if own[: len(_PROGRAM)] == _PROGRAM:
        own = ["napari-mcwss", *own[len(_PROGRAM) :]]
    return [part.replace(COMMAND, shlex.join(own)) for part in parts]


def run_process(command: Sequence[str], run: RunFolder) -> Generator[Line | None, None, None]:
    """Start a `train_command` with low priority that outlives this process, and `follow` it."""
    try:
        process = _start(command, run)
    except OSError as error:
        run.remove()
        raise McwssError(
            f"cannot start the {run.what} of {run.model} ({error.strerror or error}): do without a "
            "process of its own"
        ) from error
    yield from follow(run, process)


def _start(command: Sequence[str], run: RunFolder) -> subprocess.Popen[bytes]:
    with run.output.open("wb") as output:
        process = subprocess.Popen(
            command,
            # torchrun gives each of its processes one thread.
            env=dict(os.environ) if TORCHRUN in command else sparing(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Neither Ctrl+C in the terminal of this program nor its end shall stop the process.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
            | getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    give_precedence(process)
    return process


def follow(
    run: RunFolder, process: subprocess.Popen[bytes] | None = None
) -> Generator[Line | None, None, None]:
    """Yield the events of a process from its first one until it has ended, then remove the folder.

    None gives the caller a moment. Closing the generator leaves the process running. Of very many
    batches at once, some are left out evenly. `process` is given if this program has started it.

    Raises
    ------
    RunCancelled
        If it was cancelled.
    McwssError
        If it failed or died, with the reason as far as it is known.
    """
    end = None
    with closing(Tail(run.events)) as tail:
        gone = False
        while not gone:
            # First the process, then its events, so that none of the last ones is missed.
            gone = end is not None if _waits_elsewhere(run, process) else _is_gone(run, process)
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
    if not isinstance(end, Finished | Segmented):
        logger.error("the %s of %s failed: %s", run.what, run.model, output)
        code = None if process is None else process.returncode
        raise McwssError(end.text if end else _death(run, code, output))


def _waits_elsewhere(run: RunFolder, process: subprocess.Popen[bytes] | None) -> bool:
    """Tell whether only the events will say that a training is over, as of one in a queue."""
    if not (run.elsewhere and run.live):
        return False
    # A command that only hands the training on, as sbatch does, ends at once and without an error.
    return process is None or process.poll() == 0


def _is_gone(run: RunFolder, process: subprocess.Popen[bytes] | None) -> bool:
    return process.poll() is not None if process else not run.live


def _read(tail: Tail, run: RunFolder, *, forget: bool) -> list[Line]:
    """Read new events; if they are damaged, remove a training that is over."""
    try:
        return [from_line(line) for line in tail.lines()]
    except McwssError as error:
        if forget:
            run.remove()
        raise McwssError(f"cannot follow the {run.what} of {run.model}: {error}") from error


def _thinned(events: list[Line]) -> list[Line]:
    """Leave out some of many batches, but not the last one."""
    indices = [index for index, event in enumerate(events) if isinstance(event, Batch)]
    step = math.ceil(len(indices) / BATCHES) or 1
    left_out = {*indices} - {*indices[::-step]}
    return [event for index, event in enumerate(events) if index not in left_out]


def _death(run: RunFolder, code: int | None, output: str) -> str:
    """Describe in one line how a process died."""
    if code is None:
        how = "has ended unexpectedly, as when it is killed or the computer restarts"
    elif code == -9:
        how = "was killed, as when memory runs out: try a smaller width or larger pixels"
    elif code < 0:
        how = f"was ended by signal {-code}"
    else:
        how = f"has ended unexpectedly (exit code {code})"
    lines = [line.strip() for line in output.split("\n") if line.strip()]
    # The last lines of torchrun say less than those of its processes.
    lines = [line for line in lines if line.startswith("error: ")] or lines
    return f"the {run.what} of {run.model} {how}" + (
        f"; its last line: {lines[-1]}" if lines else ""
    )
