"""How fast the Tagging dock answers in napari, alone and beside a training.

- A scan of 1,000 slices and 10 classes, nearly all of them tagged: time from a
  real key event to the painted strip, everything between included (new tags,
  journal flushed to the disk, buttons, list, strip), and what of it the strip
  takes to paint. Then the same while the Training dock trains on the scan.
- Opening a study of 500 scans of 200 slices with tags: time until the first
  scan can be tagged, until all scans are counted, and the longest time for
  which the main thread served no event; beside it, that of napari alone when it
  adds an image.

Wall times hold what else the machine does; the processor times of the main
thread hardly do.

    python tests/helpers/run_with_display.py python benchmarks/tagging.py
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import napari
import nibabel as nib
import numpy as np
from napari.qt.threading import WorkerBase
from numpy.typing import NDArray
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtGui import QPaintEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from napari_mcwss.plugin.tagging import slice_tagging
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.plugin.tagging.strip.widget import TagStrip
from napari_mcwss.plugin.training.dock import TrainingDock
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag, TagTable
from napari_mcwss.training.events import Batch, Event

SLICES, CLASSES = 1000, 10
SCANS, SLICES_EACH, CLASSES_EACH, STEPS_EACH = 500, 200, 3, 20
PAUSE = 60
"""Milliseconds between two keys: as fast as anybody types."""


Moment = NDArray[np.float64]
"""Seconds: of the clock, and of processor time of the main thread."""


def now() -> Moment:
    """Return the moment."""
    return np.array([time.perf_counter(), time.thread_time()])


class TimedStrip(TagStrip):
    """A strip that notes when it was painted: wall and processor times of begin and end."""

    painted: ClassVar[list[tuple[Moment, Moment]]] = []

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint, and note begin and end."""
        begin = now()
        super().paintEvent(event)
        TimedStrip.painted.append((begin, now()))


class Heartbeat:
    """Finds the longest time for which the main thread served no event."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._beat)
        self._last = now()
        self.gaps: list[Moment] = []

    def start(self) -> None:
        """Begin anew."""
        self.gaps, self._last = [], now()
        self._timer.start()

    def stop(self) -> str:
        """Return the longest stall, and how much the main thread computed in it."""
        self._beat()
        self._timer.stop()
        wall, computed = 1000 * max(self.gaps, key=lambda gap: gap[0])
        return f"{wall:.0f} ms ({computed:.0f} ms computing)"

    def _beat(self) -> None:
        moment = now()
        self.gaps.append(moment - self._last)
        self._last = moment


def wait(until: Callable[[], bool], seconds: float = 600) -> None:
    """Serve events until something is so."""
    loop, timer, end = QEventLoop(), QTimer(), time.monotonic() + seconds
    timer.timeout.connect(lambda: (until() or time.monotonic() > end) and loop.quit())
    timer.start(1)
    loop.exec()
    timer.stop()
    if not until():
        raise TimeoutError


def pause(milliseconds: int) -> None:
    """Serve events for some time."""
    end = time.perf_counter() + milliseconds / 1000
    wait(lambda: time.perf_counter() > end)


def random_tags(random: np.random.Generator, slices: int, classes: int, known: float) -> NDArray:
    """Return tags of which a part is known."""
    tags = random.integers(0, 2, (slices, classes)).astype(np.int8)
    return np.where(random.random(tags.shape) < known, tags, np.int8(Tag.UNKNOWN))


def make_study(folder: Path, scans: int, shape: tuple[int, int, int], classes: int) -> Study:
    """Make a study of noise whose tags were first imported, then tagged on, step by step."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(scans):
        voxels = random.normal(100, 20, shape).astype(np.int16).T
        nib.Nifti1Image(voxels, np.eye(4)).to_filename(folder / f"scan{number:03}.nii")
    names = [f"class {number}" for number in range(classes)]
    files = {path.stem: [path] for path in sorted(folder.iterdir())}
    study = Study.create(folder / "study", scans=files, channels=["t1"], classes=names)
    slices = shape[0]
    with study.tags.lock:
        values = {scan: random_tags(random, slices, classes, 0.9) for scan in files}
        study.tags.write({s: TagTable(study.class_names, v) for s, v in values.items()})
        for scan in files:
            for _ in range(STEPS_EACH):
                index, column = int(random.integers(slices)), int(random.integers(classes))
                tag = Tag(int(values[scan][index, column])).next
                values[scan][index, column] = tag
                study.tags.change(scan, index, names[column], tag)
            study.tags.compact(scan)
    return study


class Bench:
    """A napari window with the docks."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer(show=True)
        self.dock = TaggingDock(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Tagging")
        self.training = TrainingDock(self.viewer)
        self.viewer.window.add_dock_widget(self.training, name="Training", area="left")
        self.heartbeat = Heartbeat()
        window = self.dock.window()
        window.activateWindow()
        wait(window.isActiveWindow)
        pause(1000)

    @property
    def canvas(self) -> QWidget:
        """What has the focus while somebody looks at slices."""
        return self.viewer.window._qt_viewer.canvas.native

    @property
    def usable(self) -> bool:
        """Whether a slice can be tagged, and its tags were painted."""
        return self.dock.slices.buttons.isEnabled() and bool(TimedStrip.painted)

    def add_image(self, shape: tuple[int, int, int]) -> str:
        """Add an image as napari does it without us; give the longest stall."""
        self.heartbeat.start()
        self.viewer.add_image(np.zeros(shape, np.float32))
        pause(1000)
        stall = self.heartbeat.stop()
        self.viewer.layers.clear()
        pause(1000)
        return stall

    def open(self, study: Study) -> tuple[str, str, str]:
        """Open a study; give times until usable and until counted, and the longest stall."""
        self.heartbeat.start()
        begin, computed = time.perf_counter(), time.process_time()

        def since() -> str:
            seconds = time.perf_counter() - begin, time.process_time() - computed
            return "{:.1f} s ({:.1f} s computing)".format(*seconds)

        TimedStrip.painted.clear()
        self.dock.open_study(study.folder)
        wait(lambda: self.usable)
        usable = since()
        wait(lambda: len(self.dock.scans.tables) == len(study.scan_names))
        counted = since()
        wait(lambda: "Study" in self.dock.summary.text())
        return usable, counted, self.heartbeat.stop()

    def press(self, key: Qt.Key) -> NDArray[np.float64]:
        """Press a key; give milliseconds until the strip is painted, and those of its painting."""
        TimedStrip.painted.clear()
        pressed = now()
        QTest.keyClick(self.canvas, key)
        wait(lambda: bool(TimedStrip.painted))
        begin, end = TimedStrip.painted[0]
        pause(PAUSE)
        return 1000 * np.concatenate([end - pressed, end - begin])

    def type(self, repeats: int) -> dict[str, list[NDArray[np.float64]]]:
        """Press the keys of a reader; give their times."""
        self.canvas.setFocus()
        self.dock.slices.switch.setChecked(True)
        self.dock.session.go_to(SLICES // 2)
        times: dict[str, list[NDArray[np.float64]]] = {}
        digits = [getattr(Qt.Key, f"Key_{number}") for number in range(1, 10)]
        for number in range(repeats):
            for what, key in (
                ("tag, `1` to `9`", digits[number % 9]),
                ("next slice, `.`", Qt.Key.Key_Period),
            ):
                times.setdefault(what, []).append(self.press(key))
        return times

    def train(self) -> None:
        """Start a training, and wait until it computes."""
        events: list[Event] = []
        self.training.event_received.connect(events.append)
        self.training.settings.length.setValue(10_000)
        self.training.settings.device.setCurrentText("cpu")
        QTest.mouseClick(self.training.train_button, Qt.MouseButton.LeftButton)
        wait(lambda: any(isinstance(event, Batch) for event in events))

    def stop_training(self) -> None:
        """Cancel it, and wait until it has ended."""
        QTest.mouseClick(self.training.cancel_button, Qt.MouseButton.LeftButton)
        wait(lambda: not self.training.background.running)


def row(when: str, what: str, times: list[NDArray[np.float64]]) -> str:
    """Return a row of the table of keys."""
    columns = np.percentile(np.array(times), [50, 99], axis=0).T
    cells = (f"{median:.1f} / {most:.1f} ms" for median, most in columns)
    return f"| {what} | {when} | {' | '.join(cells)} |"


def measure_keys(bench: Bench, study: Study, repeats: int) -> None:
    """Write the table of keys."""
    bench.open(study)
    columns = ("to the painted strip", "computing", "of it the strip", "computing")
    print(f"| {SLICES} slices, {CLASSES} classes | | {' | '.join(columns)} |")
    print("| --- | --- | --- | --- | --- | --- |")
    bench.type(5)
    for what, times in bench.type(repeats).items():
        print(row("alone", what, times), flush=True)
    bench.train()
    for what, times in bench.type(repeats).items():
        print(row("training", what, times), flush=True)
    bench.stop_training()


def measure_opening(bench: Bench, study: Study) -> None:
    """Write the line of opening."""
    alone = bench.add_image((SLICES_EACH, 4, 4))
    usable, counted, stall = bench.open(study)
    print(
        f"- {SCANS} scans of {SLICES_EACH} slices: first scan can be tagged after {usable}, "
        f"all are counted after {counted}; longest stall {stall}, of napari alone {alone}."
    )


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        tall = make_study(Path(folder) / "tall", 1, (SLICES, 64, 64), CLASSES)
        wide = make_study(Path(folder) / "wide", SCANS, (SLICES_EACH, 4, 4), CLASSES_EACH)
        slice_tagging.TagStrip = TimedStrip
        bench = Bench()
        measure_opening(bench, wide)
        measure_keys(bench, tall, repeats)
        bench.dock.session.close()
        WorkerBase.await_workers(60_000)
        bench.viewer.close()


if __name__ == "__main__":
    main()
