"""How long live maps take from a tag to the map, features cached.

Heads are fitted to the tags of scans of generated slices, anew and from earlier
heads, and the map of a slice is made; each with a core left free, as in napari.

    python benchmarks/live.py
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from napari_mcwss.base.generators import Returning
from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan
from napari_mcwss.training.cpu_priority import spare_threads
from napari_mcwss.training.features.live import (
    FIRST_STEPS,
    NEXT_STEPS,
    fit_live,
    live_data,
    live_maps,
)
from napari_mcwss.training.features.store import FeatureStore

SIDE, CLASSES, EACH = 240, 2, 50
"""Pixels of a slice's side, classes, and slices of a scan."""

T = TypeVar("T")


def generated_scan(seed: int) -> Scan:
    """Return a scan of noise."""
    volume = np.random.default_rng(seed).normal(100, 10, (1, EACH, SIDE, SIDE)).astype(np.float32)
    return Scan.from_array(
        f"scan-{seed}", ["t1"], volume, Geometry((SIDE, SIDE, EACH), np.diag([1.0, 1.0, 1.0, 1.0]))
    )


def run(steps: Generator[object, None, T]) -> T:
    """Run a generator to its end."""
    returning = Returning(steps)
    for _ in returning:
        pass
    return returning.value


def timed(what: str, work: Callable[[], T]) -> T:
    """Do something and print its row of the table."""
    begun = time.perf_counter()
    result = work()
    print(f"| {what} | {time.perf_counter() - begun:.2f} |", flush=True)
    return result


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=500, help="tagged slices")
    count = parser.parse_args().slices
    torch.set_num_threads(min(torch.get_num_threads(), spare_threads()))
    print("| what | seconds |\n| --- | --- |")
    tags = np.random.default_rng(0).integers(0, 2, (EACH, CLASSES)).astype(np.int8)
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(DEFAULT_ENCODER, InputSpec(), folder=Path(folder))
        first = timed(f"encode {EACH} slices", lambda: run(store.compute(generated_scan(0))))
        # Other scans would take as long to fit to, and ten times as long to encode.
        scans = [first] * (count // EACH)
        gather = lambda: live_data(scans, [tags] * len(scans), store.strides)  # noqa: E731
        data = timed(f"gather {count} tagged slices", gather)
        heads = timed("fit anew", lambda: run(fit_live(data, None, FIRST_STEPS)))
        timed("fit from earlier heads", lambda: run(fit_live(data, heads, NEXT_STEPS)))
        timed("make the map of a slice", lambda: live_maps(heads, first, 5, store.strides))


if __name__ == "__main__":
    main()
