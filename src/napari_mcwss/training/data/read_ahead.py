"""Reading the next scan while the last one is used."""

import math
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import zip_longest

import numpy as np
import psutil

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.study import Study

MEMORY_SHARE = 0.1
"""Share of the free memory that the voxels of the next scan may take."""


def read_ahead(study: Study, names: Sequence[str]) -> Generator[str, None, None]:
    """Yield the names of scans, while another thread reads the voxels of the next scan.

    What cannot be read is told when `Scan.volume` is called. Closing the generator frees the
    voxels that nobody has used.
    """

    def read(name: str) -> None:
        with suppress(McwssError):
            scan = study.scan(name)
            size = len(scan.channels) * math.prod(scan.geometry.shape)
            needed = size * np.dtype(np.float32).itemsize
            if needed < MEMORY_SHARE * psutil.virtual_memory().available:
                scan.volume()

    with ThreadPoolExecutor(1, "read-ahead") as pool:
        for name, following in zip_longest(names, names[1:]):
            reading = pool.submit(read, following) if following is not None else None
            try:
                yield name
            except GeneratorExit:
                if reading is not None:
                    wait([reading])
                    with suppress(McwssError):
                        study.scan(following).release()
                raise
