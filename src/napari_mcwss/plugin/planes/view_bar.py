"""How the scan on screen is shown."""

from napari.viewer import Viewer
from qtpy.QtWidgets import QWidget

from napari_mcwss.plugin.planes.switch import PlanesSwitch
from napari_mcwss.plugin.shared.rows import stack


class ViewBar(QWidget):  # type: ignore[misc]
    """The check box for three planes."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.planes = PlanesSwitch(viewer)
        stack(self, self.planes)
