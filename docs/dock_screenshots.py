"""Make pictures of all docks at several sizes, in both themes, with few and with many classes.

Its purpose is to be looked at: a test finds what overlaps, not what is ugly.

PYTHONPATH=tests python tests/helpers/run_with_display.py python docs/dock_screenshots.py pictures
"""

import os
import sys
import tempfile
from pathlib import Path

import napari
from helpers.many_classes import MODEL, make_study, show_training
from PIL import Image
from qtpy.QtCore import Qt
from waiting import rest, wait_for

from napari_mcwss.plugin.launch import add_docks

SIZES = ((1280, 720), (1920, 1080))
"""In pixels of the window; with QT_SCALE_FACTOR=2, the second one is a screen of 3840x2160."""


def main(images: Path, classes: int) -> None:
    """Show a study with so many classes; a picture of each dock, size and theme."""
    images.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(title="napari-mcwss", show=False)
    tagging, training, results = add_docks(viewer)
    measure = viewer.window.dock_widgets["Measure"]
    docks = {"tagging": tagging, "training": training, "results": results, "measure": measure}
    window = tagging.window()
    # Any size, whatever the screen and its window manager are.
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    viewer.window.show()

    def take_all(state: str) -> None:
        for theme in ("dark", "light"):
            viewer.theme = theme
            for width, height in SIZES:
                window.resize(width, height)
                for name, dock in docks.items():
                    dock.parentWidget().raise_()
                    rest(0.7)
                    picture = Image.fromarray(viewer.screenshot(canvas_only=False)).convert("RGB")
                    scale = os.environ.get("QT_SCALE_FACTOR", "1")
                    picture.save(images / f"{name}-{state}-{theme}-{width}x{height}@{scale}.png")

    if classes == 0:
        take_all("empty")
        viewer.close()
        return
    with tempfile.TemporaryDirectory() as folder:
        tagging.open_study(make_study(Path(folder), classes).folder)
        wait_for(lambda: tagging.session.scan is not None)
        tagging.slices.switch.setChecked(True)
        results.model.choose(MODEL)
        wait_for(lambda: results.state.mask is not None)
        show_training(training.progress, tagging.session.study)
        measure.measure_button.click()
        wait_for(lambda: measure.model.rowCount() > 0 and not measure.background.running)
        take_all(str(classes))
        viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
