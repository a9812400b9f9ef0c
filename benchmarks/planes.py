"""How long a step to another slice takes with three planes, compared to the main view alone.

A scan of 240 x 240 x 155 voxels with the CAMs of two classes and a mask, all of
noise, in a window of 1280 x 720: the time from a step along z, and from a click
that moves all three planes, until the last canvas is painted. Wall times hold
what else the machine does; what counts is the ratio to the main view alone in the
same run.

    python tests/helpers/run_with_display.py python benchmarks/planes.py
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.qt import QtViewer
from numpy.typing import NDArray
from qtpy.QtWidgets import QApplication
from tagging import make_study, now, pause, wait

from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.plugin.planes.dock import PlanesDock
from napari_mcwss.plugin.shared.layers import show_prediction_layers

SHAPE, CLASSES = (155, 240, 240), 2
WARM_UP = 5


class Bench:
    """A window with a scan, its CAMs and its mask."""

    def __init__(self, folder: Path) -> None:
        study = make_study(folder / "study", 1, SHAPE, CLASSES)
        self.viewer = napari.Viewer(show=True)
        self.tagging, *_ = add_docks(self.viewer)
        self.tagging.window().resize(1280, 720)
        self.session = self.tagging.session
        self.tagging.open_study(study.folder)
        wait(lambda: self.session.scan is not None)
        random = np.random.default_rng(0)
        cams = {name: random.random(SHAPE, np.float32) for name in study.class_names}
        mask = random.integers(0, CLASSES + 1, SHAPE, np.uint8)
        geometry = study.scan(self.session.scan).geometry
        show_prediction_layers(self.viewer, geometry, study.classes, cams, mask)
        pause(2000)

    def open_planes(self) -> None:
        """Show three planes, and wait until they are at rest."""
        self.tagging.view_bar.planes.click()
        wait(lambda: bool(self.session.planes_beside))
        pause(3000)

    def painted(self, act: Callable[[], None]) -> NDArray[np.float64]:
        """Act; give milliseconds, wall and computing, until all canvases are painted."""
        views = self.tagging.window().findChildren(QtViewer)
        left = set(map(id, views))
        drawn = {id(view): lambda _, view=view: left.discard(id(view)) for view in views}
        for view in views:
            view.canvas.events.draw.connect(drawn[id(view)], position="last")
        begin = now()
        act()
        while left:
            QApplication.processEvents()
        end = now()
        for view in views:
            view.canvas.events.draw.disconnect(drawn[id(view)])
        pause(30)
        return 1000 * (end - begin)

    def steps(self, repeats: int) -> list[NDArray[np.float64]]:
        """Go through slices."""
        return [self.painted(lambda n=n: self.session.go_to(40 + n % 80)) for n in range(repeats)]

    def clicks(self, repeats: int) -> list[NDArray[np.float64]]:
        """Move all planes."""
        dims, random = self.viewer.dims, np.random.default_rng(1)
        points = random.integers(20, 130, (repeats, 3)).astype(float)
        return [
            self.painted(lambda point=point: setattr(dims, "point", tuple(point)))
            for point in points
        ]


def row(what: str, times: list[NDArray[np.float64]], alone: float) -> str:
    """Return a row of the table."""
    (median, computing), (late, _) = np.percentile(times, [50, 95], axis=0)
    ratio = f"{median / alone:.2f}"
    return f"| {what} | {median:.1f} / {late:.1f} ms | {computing:.1f} ms | {ratio} |"


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    print("| to the painted canvases | median / 95th percentile | computing | ratio |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.steps(WARM_UP)
        one = bench.steps(repeats)
        alone = float(np.median(np.array(one)[:, 0]))
        print(row("a slice step, main view alone", one, alone), flush=True)
        begin = time.perf_counter()
        bench.open_planes()
        opened = time.perf_counter() - begin - 3
        bench.steps(WARM_UP)
        print(row("a slice step, three planes", bench.steps(repeats), alone), flush=True)
        print(row("a click, three planes", bench.clicks(repeats), alone), flush=True)
        (dock,) = bench.tagging.window().findChildren(PlanesDock)
        shared = [layer.data for layer in bench.viewer.layers]
        copies = [layer.data for plane in dock.planes for layer in plane.model.layers]
        own = sum(c.nbytes for c in copies if not any(np.shares_memory(c, s) for s in shared))
        print(f"- The planes open within {opened:.1f} s, with {own / 2**20:.0f} MiB of own voxels.")
        bench.session.close()
        bench.viewer.close()


if __name__ == "__main__":
    main()
