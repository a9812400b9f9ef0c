"""What the network sees while it learns, on the slice on screen."""

from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.layers import show_preview_layers, study_layers
from napari_mcwss.training.events import Preview


class LiveMaps(QWidget):  # type: ignore[misc]
    """A box to switch live maps on, and the layers that show them.

    Parameters
    ----------
    session : Session
        Of the viewer.

    Attributes
    ----------
    watched_changed : Signal
        Another slice is looked at: the scan and the index.
    box : QCheckBox
        Whether maps are wanted.
    """

    watched_changed = Signal(str, int)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._place: tuple[str, int] | None = None
        self.box = QCheckBox("Show maps while it learns")
        self.box.setToolTip(
            "Every few seconds, what the network finds on the slice on screen. "
            "Leave it off while you tag: it could sway you"
        )
        self.box.toggled.connect(self._toggled)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        session.scan_changed.connect(self._moved)
        session.viewer.dims.events.current_step.connect(self._moved)
        self.destroyed.connect(_disconnector(session, self))

    def watched(self) -> tuple[str, int] | None:
        """Give the scan and the slice that maps are wanted of; any thread may ask."""
        return self._place

    def tell(self) -> None:
        """Tell anew which slice is looked at."""
        if self._place is not None:
            self.watched_changed.emit(*self._place)

    def show_preview(self, preview: Preview) -> None:
        """Show a preview, if its scan is on screen and maps are wanted."""
        session = self._session
        if session.study is None or preview.scan != session.scan or not self.box.isChecked():
            return
        geometry = session.study.scan(preview.scan).geometry
        show_preview_layers(
            session.viewer, geometry, session.study.classes, preview.slice_index, preview.cams
        )

    def end(self) -> None:
        """Hide the maps: the model has better ones now."""
        if not self._session.window_closed:
            for layer in study_layers(self._session.viewer, "preview"):
                layer.visible = False

    def _toggled(self, wanted: bool) -> None:
        self._moved()
        if not wanted:
            self.end()

    def _moved(self, *_: object) -> None:
        before, self._place = self._place, None
        scan, index = self._session.scan, self._session.slice_index
        if self.box.isChecked() and scan is not None and index is not None:
            self._place = scan, index
        if self._place != before:
            self.tell()


def _disconnector(session: Session, maps: LiveMaps) -> Callable[[], None]:
    def disconnect() -> None:
        session.scan_changed.disconnect(maps._moved, missing_ok=True)
        session.viewer.dims.events.current_step.disconnect(maps._moved)

    return disconnect
