"""The planes of a study in a window."""

from collections.abc import Callable

import pytest
from helpers.docks import opened
from napari.components import ViewerModel
from qtpy.QtCore import QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from napari_mcwss.plugin.planes.dock import PlanesDock
from napari_mcwss.plugin.tagging.dock import TaggingDock

PATIENCE = 60_000


@pytest.fixture
def tagging(tagging_dock, phantom_study, qtbot) -> TaggingDock:
    """The Tagging dock on a study, with tagging switched on."""
    opened(qtbot, tagging_dock, phantom_study)
    tagging_dock.slices.switch.setChecked(True)
    return tagging_dock


@pytest.fixture
def open_planes(qtbot) -> Callable[[TaggingDock], PlanesDock]:
    """Open the planes as a user does, and wait until they are drawn."""

    def open_them(tagging: TaggingDock) -> PlanesDock:
        qtbot.mouseClick(tagging.view_bar.planes, Qt.MouseButton.LeftButton)
        (dock,) = tagging.window().findChildren(PlanesDock)
        qtbot.waitUntil(lambda: bool(dock.planes), timeout=PATIENCE)
        for plane in dock.planes:
            qtbot.waitUntil(lambda p=plane: is_fitted(p.model, p.view), timeout=PATIENCE)
        return dock

    return open_them


@pytest.fixture
def planes(tagging, open_planes) -> PlanesDock:
    return open_planes(tagging)


def is_fitted(model: ViewerModel, view: QWidget) -> bool:
    canvas = view.canvas.native
    return tuple(model.canvas.size) == (canvas.height(), canvas.width())


@pytest.fixture
def click(qtbot) -> Callable[..., None]:
    """Click on a canvas, at a place relative to where its crosshair is."""

    def press(view: QWidget, crosshair: QWidget, offset: tuple[int, int]) -> None:
        place = crosshair.place() + QPointF(*offset)
        QTest.mouseClick(
            view.canvas.native, Qt.MouseButton.LeftButton, pos=place.toPoint(), delay=1
        )

    return press
