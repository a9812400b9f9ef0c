"""The check box that opens and closes the dock with the planes."""

from napari.viewer import Viewer
from qtpy.QtWidgets import QCheckBox
from superqt.utils import signals_blocked

from napari_mcwss.plugin.planes.dock import PlanesDock
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.rows import dock_of, main_window_of


class PlanesSwitch(QCheckBox):  # type: ignore[misc]
    """Opens and closes the Planes dock of a window, whichever way it was opened."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(
            "Three planes",
            toolTip="Show the scan's two other planes beside the main view. A click in a plane "
            "moves the others there",
        )
        self._viewer, self._session = viewer, Session.of(viewer)
        self.toggled.connect(self._toggle)
        connect_until_destroyed(self, self._follow, self._session.planes_changed)

    def _toggle(self, on: bool) -> None:
        docks = main_window_of(self).findChildren(PlanesDock)
        if on and not docks:
            self._viewer.window.add_dock_widget(
                PlanesDock(self._viewer), name="Planes", area="left"
            )
        for dock in docks:
            around = dock_of(dock)
            if on and around is not None:
                around.show()
            elif not on:
                self._viewer.window.remove_dock_widget(dock)

    def _follow(self) -> None:
        with signals_blocked(self):
            self.setChecked(self._session.planes_beside is not None)
