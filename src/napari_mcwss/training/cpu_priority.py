"""What a training leaves to the screen that it runs beside."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress

import psutil

THREADS = "OMP_NUM_THREADS"
"""The variable that torch takes its number of threads from."""

NICENESS = 10
"""Of a process on Unix: what asks for a core meanwhile gets the most of it."""


def spare_threads() -> int:
    """Give how many threads may compute so that a core stays free, at least one."""
    return max(1, (os.cpu_count() or 2) - 1)


def sparing(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment in which torch leaves a core free, unless it says already how many.

    Parameters
    ----------
    environment : mapping
        Variables of the program that starts the training.
    """
    return {THREADS: str(spare_threads()), **environment}


def give_precedence(process: subprocess.Popen[bytes]) -> None:
    """Let other programs go before a process, which has just been started."""
    # It may have ended already.
    with suppress(psutil.Error):
        started = psutil.Process(process.pid)
        if os.name == "posix":
            started.nice(max(NICENESS, started.nice()))
        else:
            started.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
