"""How fast the tag strip is painted: 1,000 slices and 10 classes.

Times, each until a synchronous ``repaint()`` of the whole strip has returned
(in use, Qt paints only what the strip says has changed):

- the tags of another scan, all of them different;
- one more tag;
- the next slice, without and with columns that scroll.

    python tests/helpers/run_with_display.py python benchmarks/tag_strip.py
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QApplication, QWidget

from napari_mcwss.plugin.tagging.strip.widget import TagStrip
from napari_mcwss.study.description import PALETTE, ClassSpec

SLICES, CLASSES = 1000, 10
WIDTHS = {"narrow dock": 300, "whole screen": 1600}


def milliseconds(step: Callable[[int], None], strip: TagStrip, repeats: int) -> NDArray[np.float64]:
    """Time a step and the repaint after it; the first few are to warm up.

    Gives wall times, and the processor times of this process, which depend less on
    what else the machine does: ``(repeats, 2)``.
    """
    begins, ends = [], []
    for number in range(-10, repeats):
        QApplication.processEvents()
        begin = time.perf_counter(), time.process_time()
        step(number)
        strip.repaint()
        end = time.perf_counter(), time.process_time()
        if number >= 0:
            ends.append(end)
            begins.append(begin)
    return 1000 * (np.array(ends) - np.array(begins))


def measure(width: int, repeats: int) -> dict[str, NDArray[np.float64]]:
    """Time everything at one width."""
    random = np.random.default_rng(0)
    scans = [random.integers(-1, 2, (SLICES, CLASSES)).astype(np.int8) for _ in range(2)]
    window = QWidget()
    window.resize(width, 400)
    strip = TagStrip("dark", window)
    strip.set_classes(
        [ClassSpec(name=f"class {n}", colour=PALETTE[n % len(PALETTE)]) for n in range(CLASSES)]
    )
    strip.resize(width, strip.sizeHint().height())
    window.show()
    while not window.windowHandle().isExposed():
        QApplication.processEvents()
    tags = scans[0].copy()

    def change_one(number: int) -> None:
        # Near the current slice, where a reader tags, and always in sight.
        at = SLICES // 2 + number % 20, number % CLASSES
        tags[at] = (tags[at] + 2) % 3 - 1
        strip.set_tags(tags)

    strip.set_tags(tags)
    strip.set_slice(SLICES // 2)
    steps = {
        "all tags": lambda number: strip.set_tags(scans[number % 2]),
        "one tag": change_one,
        "next slice": lambda number: strip.set_slice(SLICES // 2 + number % 5),
        "another slice, scrolled to": lambda number: strip.set_slice(97 * number % SLICES),
    }
    return {what: milliseconds(step, strip, repeats) for what, step in steps.items()}


def main() -> None:
    """Write a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=500)
    repeats = parser.parse_args().repeats
    application = QApplication([])
    print(f"| {SLICES} slices, {CLASSES} classes | width | median | 99th percentile | processor |")
    print("| --- | --- | --- | --- | --- |")
    for place, width in WIDTHS.items():
        for what, times in measure(width, repeats).items():
            wall = " | ".join(f"{time:.2f} ms" for time in np.percentile(times[:, 0], [50, 99]))
            processor = np.median(times[:, 1])
            print(f"| {what} | {place}, {width} px | {wall} | {processor:.2f} ms |")
    application.quit()


if __name__ == "__main__":
    main()
