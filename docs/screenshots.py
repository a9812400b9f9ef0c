"""Make the pictures of the docs: the docks at work on a generated study.

napari-mcwss demo --out demo
python tests/helpers/run_with_display.py python docs/screenshots.py demo/study docs/images
"""

import os
import signal
import sys
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QScrollArea
from scipy import ndimage
from waiting import rest, wait_for

from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.plugin.results.correction.stroke_tools import ADD
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.segmentation.strokes.stroke import Stroke
from napari_mcwss.training.checkpoints.unfinished import give_up_training
from napari_mcwss.training.events import Epoch
from napari_mcwss.training.process.run_folder import RunFolder

SCAN = "phantom07"

NOTIFIED = 12.0
"""Seconds after which napari has taken a notification away."""


def mend(results: ResultsDock) -> None:
    """Lose a class from the corrected mask, and click with *Add* where it was."""
    box = results.correction
    layer = results.session.correcting.layer
    index = results.session.slice_index
    assert layer is not None
    assert index is not None
    lost = layer.data == 2
    layer.data = np.where(lost, 0, layer.data)
    box.label.setCurrentIndex(2)
    box.label.activated.emit(2)
    box.tools.choose(ADD)
    places = np.argwhere(ndimage.binary_erosion(lost[index], iterations=2))
    row, column = (int(n) for n in places[len(places) // 4])
    box.tools.mending.draw(Stroke(path=((index, row, column),), class_name="ED", add=True))
    wait_for(lambda: not box.tools.mending.running)
    results.findChild(QScrollArea).ensureWidgetVisible(box.tools)


def main(study: Path, images: Path) -> None:
    """Tag, show a result, train some epochs, pause, fail, measure; a picture of each."""
    viewer = napari.Viewer(title="napari-mcwss")
    tagging, training, results = add_docks(viewer)
    viewer.window.resize(1400, 860)

    def take(name: str) -> None:
        rest(1)
        picture = Image.fromarray(viewer.screenshot(canvas_only=False)).convert("RGB")
        images.mkdir(parents=True, exist_ok=True)
        picture.save(images / f"{name}.png", optimize=True)

    def bring_forward(dock: object) -> None:
        dock.parentWidget().raise_()  # type: ignore[attr-defined]

    tagging.open_study(study)
    wait_for(lambda: tagging.session.scan is not None)
    names = [tagging.scans.item(row).text().split()[0] for row in range(tagging.scans.count())]
    tagging.scans.setCurrentRow(names.index(SCAN))
    wait_for(lambda: tagging.session.scan == SCAN)
    tagging.slices.switch.setChecked(True)
    tagging.session.go_to(12)
    take("tagging")
    viewer.theme = "light"
    take("tagging-light")
    viewer.theme = "dark"

    bring_forward(results)
    results.model.setCurrentText("demo")
    # The result comes before its layers.
    wait_for(lambda: results.state.on_screen is not None and results.state.model == "demo")

    epochs: list[Epoch] = []
    training.event_received.connect(
        lambda event: epochs.append(event) if isinstance(event, Epoch) else None
    )
    bring_forward(training)
    training.settings.name.setText("picture")
    # It shows epochs at once, and soon on a busy machine, too.
    training.settings.fields["preset"].value = "local"
    training.settings.fields["pixel"].value = 2
    training.settings.length.setValue(20)
    training.settings.separate.setChecked(False)
    training.live_maps.box.setChecked(True)
    training.train_button.click()
    wait_for(lambda: len(epochs) >= 3 and any("learning" in layer.name for layer in viewer.layers))
    take("training")
    training.pause_button.click()
    wait_for(lambda: training.progress.status.text().startswith("Paused"))
    take("training-paused")
    training.cancel_button.click()
    wait_for(lambda: not training.background.running)
    training.live_maps.box.setChecked(False)

    # Fails as one that the system kills.
    epochs.clear()
    training.settings.separate.setChecked(True)
    training.restart_button.click()
    wait_for(lambda: bool(epochs))
    opened = tagging.session.study
    assert opened is not None
    began = RunFolder.of(opened, "picture").began
    assert began is not None
    os.kill(began.process, signal.SIGKILL)
    wait_for(lambda: not training.background.running)
    take("training-failed")
    rest(NOTIFIED)
    give_up_training(opened, "picture")

    bring_forward(results)
    results.model.setCurrentText("demo")
    # Earlier, there would be nothing to correct.
    wait_for(lambda: any(layer.name == "mask" and layer.data.any() for layer in viewer.layers))
    results.correction.begin_button.click()
    wait_for(lambda: any(layer.name == "corrected mask" for layer in viewer.layers))
    mend(results)
    take("mend")
    measure = viewer.window.dock_widgets["Measure"]
    bring_forward(measure)
    measure.measure_button.click()
    wait_for(lambda: measure.model.rowCount() > 0)
    take("measure")
    viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
