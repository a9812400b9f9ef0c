"""Docks as a user has them before a test begins."""

from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study.study import Study

PATIENCE = 30_000


def opened(qtbot, dock: TaggingDock, study: Study) -> TaggingDock:
    """Open a study in the Tagging dock, and wait for its first scan and the tags of all."""
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(study.folder)
    qtbot.waitUntil(lambda: len(dock.scans.tables) == len(study.scan_names), timeout=PATIENCE)
    return dock
