"""Opening napari with the docks."""

import sys

if sys.platform == "win32":
    # On Windows, torch cannot be loaded after Qt.
    import torch  # noqa: F401

from pathlib import Path

import napari
from napari.viewer import Viewer

from napari_mcwss.plugin.measure.dock import MeasureDock
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.plugin.training.dock import TrainingDock


def add_docks(viewer: Viewer) -> tuple[TaggingDock, TrainingDock, ResultsDock]:
    """Add all docks at the right of a viewer, as tabs, with the Tagging dock in front."""
    tagging, training, results = TaggingDock(viewer), TrainingDock(viewer), ResultsDock(viewer)
    docks = {
        "Tagging": tagging,
        "Training": training,
        "Results": results,
        "Measure": MeasureDock(viewer),
    }
    first, *_ = [
        viewer.window.add_dock_widget(dock, name=name, area="right", tabify=True)
        for name, dock in docks.items()
    ]
    first.show()
    first.raise_()
    return tagging, training, results


def open_study(folder: Path | None = None) -> None:
    """Open napari with the docks, and a study if its folder is given, until it is closed."""
    viewer = napari.Viewer(title=f"napari-mcwss: {folder.name}" if folder else "napari-mcwss")
    tagging, *_ = add_docks(viewer)
    if folder is not None:
        tagging.open_study(folder)
    napari.run()
