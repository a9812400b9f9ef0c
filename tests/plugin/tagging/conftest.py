"""The tagging dock, and a study that it shows."""

import pytest

from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study.study import Study

PATIENCE = 30_000


@pytest.fixture
def dock(tagging_dock) -> TaggingDock:
    """The dock in a window that has the keyboard."""
    return tagging_dock


@pytest.fixture
def study(dock, phantom_study, qtbot) -> Study:
    """Phantoms without tags, the first one on screen."""
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    return dock.session.study
