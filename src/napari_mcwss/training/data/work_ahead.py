"""Work on the next scans in other threads, while the results of the first are used."""

import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

import numpy as np
import psutil
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.scan import Scan
from napari_mcwss.study.study import Study

MOST_THREADS = 4
"""Scans that are worked on at once, at most; files of each are read by several threads."""

MEMORY_SHARE = 0.2
"""Share of the free memory that voxels of scans may take that are worked on ahead."""

Result = TypeVar("Result")


def work_ahead(
    study: Study, names: Sequence[str], work: Callable[[Scan], Result]
) -> Generator[Result, None, None]:
    """Yield what is made of each scan, in their order.

    As many scans are worked on at once as torch uses threads, so that a training that leaves a core
    to the screen does so here, too; a scan whose voxels would fill the memory waits for its turn.
    Errors are raised when it is the scan's turn. Closing the generator frees the voxels of scans
    whose turn never came.
    """
    threads = min(MOST_THREADS, torch.get_num_threads())

    def early(name: str) -> tuple[Result] | None:
        scan = study.scan(name)
        size = len(scan.channels) * math.prod(scan.geometry.shape) * np.dtype(np.float32).itemsize
        small = size < MEMORY_SHARE / threads * psutil.virtual_memory().available
        return (work(scan),) if small else None

    with ThreadPoolExecutor(threads, "work-ahead") as pool:
        ahead = deque((name, pool.submit(early, name)) for name in names[: threads + 1])
        coming = deque(names[threads + 1 :])
        try:
            while ahead:
                name, result = ahead.popleft()
                made = result.result()
                if coming:
                    following = coming.popleft()
                    ahead.append((following, pool.submit(early, following)))
                yield work(study.scan(name)) if made is None else made[0]
        finally:
            started = [(name, result) for name, result in ahead if not result.cancel()]
            wait([result for _, result in started])
            for name, _ in started:
                with suppress(McwssError):
                    study.scan(name).release()
