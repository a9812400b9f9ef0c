"""Waiting for a window, for the scripts that make pictures."""

import time
from collections.abc import Callable

from qtpy.QtWidgets import QApplication


def wait_for(condition: Callable[[], bool], seconds: float = 600) -> None:
    """Let the window work until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        QApplication.processEvents()
        time.sleep(0.01)


def rest(seconds: float) -> None:
    """Let the window work for some time."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end)
