"""Maps of the network in training, on the slice on screen."""

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.layers import (
    hide_preview_layers,
    show_preview_layers,
    study_layers,
)
from napari_mcwss.plugin.shared.removal import remove_layers
from napari_mcwss.plugin.shared.rows import stack
from napari_mcwss.training.events import Preview

DRAWN_MILLISECONDS = 200
"""Time after which hidden layers are surely no longer drawn."""


class LiveMaps(QWidget):  # type: ignore[misc]
    """A check box that switches live maps on, and the layers that show them.

    `watched_changed` tells scan and index of the slice on screen, when they change.
    """

    watched_changed = Signal(str, int)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._watched: tuple[str, int] | None = None
        # Removed while they were drawn, layers made Mesa's software OpenGL crash.
        wait = DRAWN_MILLISECONDS
        self._removal = QTimer(self, singleShot=True, interval=wait, timeout=self._remove_hidden)
        self.box = QCheckBox(
            "Show maps while it learns",
            toolTip="Show what the network finds on the slice on screen, every few seconds. "
            "Leave it off while tagging: the maps could influence your tags",
            toggled=self._toggled,
        )
        stack(self, self.box)
        slice_changed = session.viewer.dims.events.current_step
        connect_until_destroyed(self, self._moved, session.scan_changed, slice_changed)

    def watched(self) -> tuple[str, int] | None:
        """Return scan and slice to show maps of; safe to call from any thread."""
        return self._watched

    def tell(self) -> None:
        """Emit `watched_changed` again, if maps are shown."""
        if self._watched is not None:
            self.watched_changed.emit(*self._watched)

    def show_preview(self, preview: Preview) -> None:
        """Show a preview, if its scan is on screen and maps are switched on."""
        session = self._session
        if session.study is None or preview.scan != session.scan or not self.box.isChecked():
            return
        geometry = session.study.scan(preview.scan).geometry
        show_preview_layers(
            session.viewer, geometry, session.study.classes, preview.slice_index, preview.cams
        )

    def end(self) -> None:
        """Remove the maps: those of the finished model are better."""
        if not self._session.window_closed:
            hide_preview_layers(self._session.viewer)
            self._removal.start()

    def _remove_hidden(self) -> None:
        if not self._session.window_closed:
            previews = study_layers(self._session.viewer, "preview")
            hidden = [layer for layer in previews if not layer.visible]
            remove_layers(self._session.viewer, hidden)

    def _toggled(self, on: bool) -> None:
        self._moved()
        if not on:
            self.end()

    def _moved(self, *_: object) -> None:
        before, self._watched = self._watched, None
        scan, index = self._session.scan, self._session.slice_index
        if self.box.isChecked() and scan is not None and index is not None:
            self._watched = scan, index
        if self._watched != before:
            self.tell()
