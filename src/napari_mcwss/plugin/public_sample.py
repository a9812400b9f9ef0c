"""The public scans of the napari manifest, which are downloaded once the user has agreed.

The manifest names them by their addresses, for which there is this reader: a sample that is a
command would have to return layers at once.
"""

from collections.abc import Callable, Sequence

import napari
from napari.viewer import Viewer

from napari_mcwss.api.samples import SAMPLES
from napari_mcwss.plugin.shared.rows import main_window_of
from napari_mcwss.plugin.study.sample_dialog import SampleDialog
from napari_mcwss.plugin.tagging.dock import TaggingDock

NoLayers = list[tuple[None]]


def get_reader(path: str | Sequence[str]) -> Callable[[str], NoLayers] | None:
    """Return the reader of one public sample; None for any other path."""
    return offer if isinstance(path, str) and _name(path) is not None else None


def offer(path: str) -> NoLayers:
    """Show the dialog that downloads a sample, whose study opens in the Tagging dock."""
    viewer, name = napari.current_viewer(), _name(path)
    if viewer is not None and name is not None:
        dialog = SampleDialog(main_window_of(_tagging_dock(viewer)), name, SAMPLES[name])
        dialog.study_wanted.connect(lambda folder: _tagging_dock(viewer).open_study(folder))
        dialog.show()
    # For napari, [(None,)] is a file that was read and has no layers.
    return [(None,)]


def _name(address: str) -> str | None:
    """Return the name of a sample by its archive; None if it is none."""
    archive = address.rpartition("/")[2].removesuffix(".tar")
    return next((name for name, sample in SAMPLES.items() if sample.folder == archive), None)


def _tagging_dock(viewer: Viewer) -> TaggingDock:
    """Return the Tagging dock of a viewer, which is opened if there is none."""
    docks = viewer.window.dock_widgets.values()
    found = next((dock for dock in docks if isinstance(dock, TaggingDock)), None)
    return found or viewer.window.add_plugin_dock_widget("napari-mcwss", "Tagging")[1]
