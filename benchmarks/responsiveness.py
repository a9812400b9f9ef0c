"""How late napari answers while live maps are fitted, and while a training runs.

A reader goes through the slices of a scan and tags them, in idle napari, then
with live maps, which are fitted anew whenever the keys rest, then while the Training
dock trains in a thread, then in a separate process. For each:
the time from a real key event to the painted strip, and for how long the main
thread served no event at a time. The machine's other work slows all alike,
so what counts is the ratio to idle of the same run.

    python tests/helpers/run_with_display.py python benchmarks/responsiveness.py
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from napari.qt.threading import WorkerBase
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from tagging import Bench, TimedStrip, make_study, pause, wait

from napari_mcwss.plugin.tagging import slice_tagging
from napari_mcwss.training.checkpoints.unfinished import give_up_training

SHAPE, CLASSES = (200, 128, 128), 3
WARM_UP = 5
"""Seconds of keys that do not count."""


class Measured(NamedTuple):
    """Milliseconds while one thing ran.

    Attributes
    ----------
    keys : ndarray
        From each key event to the painted strip.
    gaps : ndarray
        Between two events that the main thread served.
    """

    keys: NDArray[np.float64]
    gaps: NDArray[np.float64]


def read(bench: Bench, seconds: float) -> Measured:
    """Go through slices and tag them for some time."""
    keys = (Qt.Key.Key_Period, Qt.Key.Key_1, Qt.Key.Key_Period, Qt.Key.Key_2)
    bench.canvas.setFocus()
    bench.dock.slices.switch.setChecked(True)
    bench.dock.session.go_to(0)
    times = []
    bench.heartbeat.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        times += [bench.press(key)[0] for key in keys]
        if bench.dock.session.slice_index >= SHAPE[0] - 2:  # at the last one `.` paints nothing
            bench.dock.session.go_to(0)
            pause(100)
    bench.heartbeat.stop()
    return Measured(np.array(times), 1000 * np.array(bench.heartbeat.gaps)[:, 0])


def row(what: str, measured: Measured, idle: Measured) -> str:
    """Return a row of the table."""
    cells = []
    for values, compared in zip(measured, idle, strict=True):
        median, late = np.percentile(values, [50, 95])
        ratio = late / np.percentile(compared, 95)
        cells += [f"{median:.1f} / {late:.1f} ms", f"{ratio:.2f}"]
    return f"| {what} | {' | '.join(cells)} | {measured.gaps.max():.0f} ms |"


def measure(bench: Bench, seconds: float) -> None:
    """Write the table."""
    columns = (
        "key to painted strip | relative to idle | main thread away | relative to idle | at most"
    )
    print(f"| median / 95th percentile | {columns} |")
    print("| --- | --- | --- | --- | --- | --- |")
    read(bench, WARM_UP)
    idle = read(bench, seconds)
    print(row("idle", idle, idle), flush=True)
    live = bench.dock.live
    live.box.setChecked(True)
    wait(lambda: bench.dock.session.scan in live.encoding.scans)
    read(bench, WARM_UP)
    print(row("live maps", read(bench, seconds), idle), flush=True)
    live.box.setChecked(False)
    for what, separate in (("training in a thread", False), ("in a separate process", True)):
        bench.training.settings.separate.setChecked(separate)
        bench.train()
        read(bench, WARM_UP)
        print(row(what, read(bench, seconds), idle), flush=True)
        bench.stop_training()
        # The keys changed its tags: nothing could go on with it.
        give_up_training(bench.training.session.study, bench.training.settings.model)
        bench.training.session.models_changed.emit()


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of keys for each row")
    seconds = parser.parse_args().seconds
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        study = make_study(Path(folder) / "study", 1, SHAPE, CLASSES)
        slice_tagging.TagStrip = TimedStrip
        bench = Bench()
        bench.open(study)
        wait(lambda: bench.usable)
        measure(bench, seconds)
        bench.dock.session.close()
        WorkerBase.await_workers(60_000)
        bench.viewer.close()


if __name__ == "__main__":
    main()
