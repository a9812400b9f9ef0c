"""How soon masks and CAMs follow the sliders of the Results dock: a scan of 240x240x155 voxels.

Real layers in a real napari window: a generated brain with two classes, one in the
other, on 100 of 155 slices. Times from the change of the slider's value:

- until the slice on screen has its new mask (the call returns);
- until the mask of the whole scan is in its layer, volumes included (median and
  95th percentile of single steps), and until that of the last step of a drag is;
- until the opacity of the CAMs is changed.

Drawing comes on top, and is OpenGL's; in software it takes a while in 3-D. With the
window hidden nothing is drawn: the rest is what the plugin and napari compute. Wall times
hold what else the machine does; processor times (of all threads) hardly do.

    python tests/helpers/run_with_display.py python benchmarks/mask_sliders.py
"""

import argparse
import tempfile
import time
from pathlib import Path

import napari
import nibabel as nib
import numpy as np
from napari.qt.threading import WorkerBase
from numpy.typing import NDArray
from qtpy.QtCore import QEventLoop, QTimer, SignalInstance
from qtpy.QtWidgets import QApplication
from scipy.ndimage import gaussian_filter

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.results.segmenting import Result, Stored
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.study.study import Study

SHAPE = (155, 240, 240)
PATIENCE = 300_000

Moment = NDArray[np.float64]
"""Seconds: of the clock, and of processor time of all threads."""


def now() -> Moment:
    """Return the moment."""
    return np.array([time.perf_counter(), time.process_time()])


def evidence() -> NDArray[np.float32]:
    """Make CAMs with ragged borders, the first class's inside the second's."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    noise = gaussian_filter(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), 3)
    distance = np.sqrt(((z - 80) / 45) ** 2 + ((y - 120) / 55) ** 2 + ((x - 90) / 50) ** 2)
    outer = 1 / (1 + np.exp(8 * (distance - 1 + noise)))
    inner = 1 / (1 + np.exp(8 * (distance - 0.5 + noise)))
    brain = ((z - 78) / 70) ** 2 + ((y - 120) / 85) ** 2 + ((x - 120) / 70) ** 2 < 1
    cams: NDArray[np.float32] = np.stack([np.minimum(inner, outer), outer]) * brain
    return cams.astype(np.float32)


def make_study(folder: Path) -> Study:
    """Make a study of one scan."""
    image = np.random.default_rng(1).integers(0, 1000, SHAPE[::-1]).astype(np.int16)
    nib.save(nib.Nifti1Image(image, np.diag([-1.0, -1.0, 1.0, 1.0])), folder / "t1.nii.gz")
    return Study.create(
        folder / "study",
        scans={"scan": [folder / "t1.nii.gz"]},
        channels=["t1"],
        classes=["TC", "ED"],
    )


def serve_until(signal: SignalInstance) -> Moment:
    """Serve the window until a signal comes; gives when that was."""
    loop, moments = QEventLoop(), []

    def end() -> None:
        moments.append(now())
        loop.quit()

    signal.connect(end)
    QTimer.singleShot(PATIENCE, loop.quit)
    loop.exec()
    signal.disconnect(end)
    if not moments:
        raise TimeoutError
    return moments[0]


def turn(dock: ResultsDock, value: float) -> tuple[Moment, Moment]:
    """Turn the threshold; seconds until the slice, and until the scan has its mask."""
    begin = now()
    dock.threshold.setValue(value)
    returned = now()
    # The mask comes from another thread: only while the window is served.
    return returned - begin, serve_until(dock.state.mask_changed) - begin


def show(dock: ResultsDock, study: Study) -> None:
    """Bring the scan and its result on screen, as after a segmentation."""
    scores = np.zeros((SHAPE[0], 2), np.float32)
    scores[30:130] = 1
    precedence = np.array([[False, True], [False, False]])
    prediction = Prediction("scan", study.class_names, scores, evidence())
    dock.session.open(study)
    dock.session.show("scan")
    source = study.scan("scan")
    stored = Stored(np.zeros(source.geometry.shape, np.uint8), {}, exact=True, volumes=())
    found = Result("", "scan", prediction, precedence, source, stored)
    dock.state.take(found)
    serve_until(dock.state.shown)


def measure(dock: ResultsDock, repeats: int) -> dict[str, NDArray[np.float64]]:
    """Time steps of the sliders, in milliseconds, wall and processor: ``(repeats, 2)`` each."""
    times: dict[str, list[Moment]] = {"slice": [], "scan": [], "drag": [], "opacity": []}
    values = np.random.default_rng(2).uniform(0.1, 0.9, (repeats, 10)).round(2)
    for steps in values:
        at_once, whole = turn(dock, steps[0])
        times["slice"].append(at_once)
        times["scan"].append(whole)
        for step in steps[1:]:
            dock.threshold.setValue(step)
            QApplication.processEvents()
        times["drag"].append(turn(dock, steps[0])[1])
        begin = now()
        dock.cam_opacity.setValue(steps[1])
        times["opacity"].append(now() - begin)
    return {what: 1000 * np.array(found) for what, found in times.items()}


def main() -> None:
    """Write a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
    names = {
        "slice": "threshold, until the slice has its mask",
        "scan": "threshold, until the scan has its mask",
        "drag": "last of 10 steps of a drag, until the scan has its mask",
        "opacity": "CAM opacity",
    }
    with tempfile.TemporaryDirectory() as folder:
        study = make_study(Path(folder))
        viewer = napari.Viewer()
        dock = ResultsDock(viewer)
        viewer.window.add_dock_widget(dock, name="Results")
        show(dock, study)
        print("| 240x240x155, 2 classes | view | median | 95th percentile | computing |")
        print("| --- | --- | --- | --- | --- |")
        views = (("slices", 2, True), ("slices, not drawn", 2, False), ("3-D", 3, True))
        for view, displayed, drawn in views:
            viewer.dims.ndisplay = displayed
            dock.window().setVisible(drawn)
            QApplication.processEvents()
            found = measure(dock, repeats if displayed == 2 else max(3, repeats // 5))
            for what, times in found.items():
                low, high = np.percentile(times[:, 0], [50, 95])
                computing = np.median(times[:, 1])
                text = f"{low:.0f} ms | {high:.0f} ms | {computing:.0f} ms"
                print(f"| {names[what]} | {view} | {text} |", flush=True)
        WorkerBase.await_workers(PATIENCE)
        viewer.close()


if __name__ == "__main__":
    main()
