"""Threads and priority with which a training leaves a core to the screen."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress

import psutil

THREADS = "OMP_NUM_THREADS"
"""Variable that sets torch's number of threads."""

NICENESS = 10
"""Niceness of a process on Unix, with which other programs go first."""


def spare_threads() -> int:
    """Return the number of threads that leave a core free, at least one."""
    return max(1, (os.cpu_count() or 2) - 1)


def sparing(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which torch leaves a core free, unless it sets the threads."""
    return {THREADS: str(spare_threads()), **environment}


def give_precedence(process: subprocess.Popen[bytes]) -> None:
    """Lower the priority of a process that has just been started."""
    # It may have ended already.
    with suppress(psutil.Error):
        started = psutil.Process(process.pid)
        if os.name == "posix":
            started.nice(max(NICENESS, started.nice()))
        else:
            started.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
