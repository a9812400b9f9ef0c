"""Several processes on this machine, as torchrun starts them, without its seconds."""

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

# Each process is forked off one that has loaded what takes seconds, but done nothing with it.
LOADED = ["napari_mcwss.training.loop", "napari_mcwss.cli.app", "torch._dynamo", "monai.metrics"]
CONTEXT = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
if sys.platform != "win32":
    multiprocessing.set_forkserver_preload(LOADED)


class Processes:
    """Processes that do the same work, each knowing its rank.

    The work is called with what tells the test something, and with the arguments.
    """

    def __init__(self, work: Callable[..., None], *arguments: object, size: int = 2) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.processes, self._told = [], []
        for rank in range(size):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size}
            place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            # No queue: who is killed while writing to it would hold the others up.
            told, tell = CONTEXT.Pipe(duplex=False)
            process = CONTEXT.Process(
                target=_begin, args=(place, work, tell, arguments), daemon=True
            )
            process.start()
            tell.close()
            self.processes.append(process)
            self._told.append(told)

    def tells(self, rank: int) -> Iterator[Any]:
        """Return what a process tells, until it has ended."""
        try:
            while True:
                yield self._told[rank].recv()
        except EOFError:
            self.processes[rank].join()


def _begin(
    place: dict[str, object], work: Any, tell: Connection, arguments: tuple[object, ...]
) -> None:
    os.environ.update({name: str(value) for name, value in place.items()})
    work(tell.send, *arguments)
