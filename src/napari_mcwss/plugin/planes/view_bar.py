"""How the scan on screen is shown: its window, and how many planes of it."""

from napari.viewer import Viewer
from qtpy.QtWidgets import QWidget

from napari_mcwss.plugin.planes.switch import PlanesSwitch
from napari_mcwss.plugin.planes.window_choice import WindowChoice
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.rows import side_by_side, stack


class ViewBar(QWidget):  # type: ignore[misc]
    """The list of windows, and the check box for three planes."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.window_choice = WindowChoice(Session.of(viewer))
        self.planes = PlanesSwitch(viewer)
        stack(self, side_by_side(self.window_choice, self.planes))
