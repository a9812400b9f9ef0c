"""How long starting takes: the import, the docks, and the first scan on the screen.

Each figure is the median of processes of their own. A window counts once its
canvas is painted, and a scan of 240x240x155 voxels with two channels once its
layers are. napari alone opens its window, reads the same files with nibabel and
adds them as images; what the docks take beyond that is ours. *Computing* is
processor time of all threads.

    python tests/helpers/run_with_display.py python benchmarks/startup.py
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

SIZE = (155, 240, 240)

Moment = tuple[float, float]
"""Seconds: of the clock, and of processor time of all threads."""


def now() -> Moment:
    """Return the moment."""
    return time.perf_counter(), time.process_time()


def since(begun: Moment) -> Moment:
    """Return what has gone by."""
    wall, computed = now()
    return wall - begun[0], computed - begun[1]


def imported(_: Path) -> tuple[float, ...]:
    """Import the package; seconds, of the clock and computing."""
    begun = now()
    import napari_mcwss  # noqa: F401

    return since(begun)


def opened(folder: Path, docks: bool) -> tuple[float, ...]:
    """Open napari, alone or with the docks, then the scan; seconds as in `imported`, of each."""
    begun = now()
    import napari

    viewer = napari.Viewer(show=True)
    if docks:
        from napari_mcwss.plugin.launch import add_docks

        tagging, *_ = add_docks(viewer)
    painted()
    window = since(begun)

    from qtpy.QtTest import QTest

    QTest.qWait(3000)
    begun = now()
    if docks:
        tagging.open_study(folder / "study")
        while len(viewer.layers) < 2:
            QTest.qWait(1)
    else:
        import nibabel as nib
        import numpy as np

        for path in sorted((folder / "scans").rglob("[tf]*.nii.gz")):
            viewer.add_image(np.asarray(nib.load(path).dataobj, np.float32).T)
    painted()
    shown = since(begun)
    if docks:
        tagging.session.close()
    viewer.close()
    return *window, *shown


def painted() -> None:
    """Serve events until the canvas is painted anew."""
    from napari.qt import QtViewer
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication

    windows = QApplication.topLevelWidgets()
    canvas = next(view for window in windows for view in window.findChildren(QtViewer)).canvas
    draws: list[object] = []
    canvas.events.draw.connect(draws.append, position="last")
    canvas.native.update()
    while not draws:
        QTest.qWait(1)
    canvas.events.draw.disconnect(draws.append)


PARTS = {
    "import": imported,
    "napari": lambda folder: opened(folder, docks=False),
    "docks": lambda folder: opened(folder, docks=True),
}


def make_study(folder: Path) -> None:
    """Make a study of one phantom."""
    from napari_mcwss.scans.finding import find_scans
    from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
    from napari_mcwss.study.study import Study

    write_phantom(folder / "scans", scans=1, size=SIZE)
    scans = find_scans(folder / "scans", PHANTOM_CHANNELS)
    classes = list(PHANTOM_CLASSES)
    Study.create(folder / "study", scans=scans, channels=PHANTOM_CHANNELS, classes=classes)


def measured(part: str, folder: Path) -> list[float]:
    """Measure a part in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [float(word) for word in done.stdout.splitlines()[-1].split()]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--part", choices=PARTS, help="measure in this process")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.part:
        print(*PARTS[options.part](options.folder))
        return
    figures: dict[str, list[list[float]]] = {part: [] for part in PARTS}
    with tempfile.TemporaryDirectory() as temporary:
        make_study(Path(temporary))
        for _ in range(options.repeats):  # interleaved: the machine does other things, too
            for part, runs in figures.items():
                runs.append(measured(part, Path(temporary)))
    medians = {
        part: [statistics.median(column) for column in zip(*runs, strict=True)]
        for part, runs in figures.items()
    }
    print("| clock (computing) | napari alone | with the docks | ours |\n| --- | --- | --- | --- |")
    print(f"| `import napari_mcwss` | | | {cell(medians['import'], 3)} |")
    for number, what in enumerate(("window with four docks", "first scan, 2 channels")):
        pair = slice(2 * number, 2 * number + 2)
        alone, ours = medians["napari"][pair], medians["docks"][pair]
        beyond = [one - other for one, other in zip(ours, alone, strict=True)]
        print(f"| {what} | {cell(alone)} | {cell(ours)} | {cell(beyond)} |")


def cell(seconds: Sequence[float], digits: int = 2) -> str:
    """Return a cell of the table."""
    return "{:.{d}f} s ({:.{d}f} s)".format(*seconds, d=digits)


if __name__ == "__main__":
    main()
