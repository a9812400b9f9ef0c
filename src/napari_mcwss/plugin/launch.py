"""Starting napari with the docks on a study."""

from pathlib import Path

import napari
from napari.viewer import Viewer

from napari_mcwss.plugin.results import ResultsDock
from napari_mcwss.plugin.tagging import TaggingDock
from napari_mcwss.plugin.training import TrainingDock


def add_docks(viewer: Viewer) -> tuple[TaggingDock, TrainingDock, ResultsDock]:
    """Add the three docks at the right of a viewer, as tabs, the first one in front."""
    tagging, training, results = TaggingDock(viewer), TrainingDock(viewer), ResultsDock(viewer)
    docks = {"Tagging": tagging, "Training": training, "Results": results}
    first, *_ = [
        viewer.window.add_dock_widget(dock, name=name, area="right", tabify=True)
        for name, dock in docks.items()
    ]
    first.show()
    first.raise_()
    return tagging, training, results


def open_study(folder: Path) -> None:
    """Open napari on a study and stay until it is closed.

    Parameters
    ----------
    folder : Path
        Of the study.
    """
    viewer = napari.Viewer(title=f"napari-mcwss: {folder.name}")
    tagging, *_ = add_docks(viewer)
    tagging.open_study(folder)
    napari.run()
