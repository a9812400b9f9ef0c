"""Several processes on this machine, as torchrun starts them, without its seconds."""

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

# Each process is forked off one that has loaded torch but done nothing with it.
CONTEXT = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
if sys.platform != "win32":
    multiprocessing.set_forkserver_preload(["napari_mcwss.training.loop", "napari_mcwss.cli"])


def start(
    work: Callable[..., object], *arguments: object, size: int = 2
) -> tuple[list[BaseProcess], Any]:
    """Start processes that do the same work; give them, and the queue that it gets first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    queue = CONTEXT.Queue()
    processes = []
    for rank in range(size):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size}
        place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        process = CONTEXT.Process(target=_begin, args=(place, work, queue, arguments), daemon=True)
        process.start()
        processes.append(process)
    return processes, queue


def _begin(place: dict[str, object], work: Any, queue: Any, arguments: tuple[object, ...]) -> None:
    os.environ.update({name: str(value) for name, value in place.items()})
    work(queue, *arguments)
