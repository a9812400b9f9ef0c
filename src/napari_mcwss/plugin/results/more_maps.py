"""The part of the results dock that shows further maps beside the CAMs, on request."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.segmenting import Result
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.layers import empty_layers, show_map_layers, study_layers

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_mcwss.segmentation.prediction.more_maps import MoreMaps
    from napari_mcwss.study.study import Study

CAMS = "CAM"
"""Stands for the CAMs themselves among the maps to choose from."""


class MoreMapsBox(QGroupBox):  # type: ignore[misc]
    """Compute maps of levels, branches and LayerCAM, and switch between them and the CAMs.

    Parameters
    ----------
    session : Session
        With the scan on screen.

    Attributes
    ----------
    background : Background
        Computes them.
    """

    def __init__(self, session: Session) -> None:
        super().__init__("More maps")
        self._session = session
        self._found: Result | None = None
        self._maps: MoreMaps | None = None
        self._wanted: Result | None = None
        self._hidden: list[Layer] = []
        self.background = Background(self)
        self.background.event_received.connect(self._show_progress)
        self.background.ended.connect(self._ended)
        self.slice_button = QPushButton("Of this slice")
        self.slice_button.setToolTip(
            "Maps of single levels and branches of the network, and LayerCAM, to compare with"
        )
        self.slice_button.clicked.connect(self.compute_slice)
        self.scan_button = QPushButton("Of the scan")
        self.scan_button.setToolTip("The same of all slices, which takes longer")
        self.scan_button.clicked.connect(self.compute_scan)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.clicked.connect(self.background.cancel)
        self.shown = QComboBox()
        self.shown.setToolTip("Maps that are on screen, in the place of the CAMs")
        self.shown.currentTextChanged.connect(self._show)
        self.status = QLabel()
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setWordWrap(True)
        buttons = QHBoxLayout()
        for button in (self.slice_button, self.scan_button, self.cancel_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addLayout(buttons)
        layout.addWidget(self.shown)
        layout.addWidget(self.status)
        connect_until_destroyed(self, self._moved, session.viewer.dims.events.current_step)
        self.follow(None)

    def follow(self, found: Result | None) -> None:
        """Offer maps of another result's model and scan, or none."""
        self._found = found
        self.background.cancel()
        self._take(None)
        self.setVisible(found is not None)

    def compute_slice(self) -> None:
        """Compute the maps of the slice on screen."""
        index = self._session.slice_index
        if index is None:
            self.status.setText("Turn the view to the slices that are tagged.")
        else:
            self._compute([index])

    def compute_scan(self) -> None:
        """Compute the maps of all slices."""
        if self._found is not None:
            self._compute(list(range(self._found.geometry.shape[0])))

    def _compute(self, slices: list[int]) -> None:
        study, found = self._session.study, self._found
        if study is None or found is None:
            return
        events = _computed(study, found, slices)
        job = Job("making of maps", events, lambda event: not isinstance(event, str), computes=True)
        try:
            self.background.start(job)
        except McwssError as error:
            show_error(str(error))
            return
        self._wanted = found
        self._refresh()

    def _show_progress(self, event: Any) -> None:
        if isinstance(event, str):
            self.status.setText(event)
        elif not self.background.cancelling:
            self.status.setText(f"{event.done} of {event.total} slices")

    def _ended(self, outcome: JobOutcome) -> None:
        wanted, self._wanted = self._wanted, None
        if outcome.value is not None and wanted is self._found:
            self._take(outcome.value)
        else:
            self.status.setText("Cancelled." if outcome.cancelled else "")
        self._refresh()

    def _take(self, maps: "MoreMaps | None") -> None:
        """Offer the maps that were computed; the one that was looked at stays chosen."""
        chosen = self.shown.currentText()
        self._maps = maps
        self.shown.blockSignals(True)
        self.shown.clear()
        self.shown.addItems([CAMS, *(maps.maps if maps is not None else ())])
        self.shown.setCurrentText(chosen)
        if maps is not None and maps.maps and self.shown.currentText() == CAMS:
            self.shown.setCurrentIndex(1)
        self.shown.blockSignals(False)
        self._show()
        self._moved()
        self._refresh()

    def _show(self, *_: object) -> None:
        """Show the chosen maps in place of the CAMs, or the CAMs again."""
        study, found, maps = self._session.study, self._found, self._maps
        viewer, name = self._session.viewer, self.shown.currentText()
        if self._session.window_closed:
            return
        chosen = None if maps is None else maps.maps.get(name)
        cams = study_layers(viewer, "cam")
        if study is not None and found is not None and maps is not None and chosen is not None:
            show_map_layers(viewer, found.geometry, study.classes, name, maps.slices, chosen)
            if not self._hidden:
                self._hidden = [layer for layer in cams if layer.visible]
            for layer in self._hidden:
                layer.visible = False
            for layer in study_layers(viewer, "map"):
                layer.opacity = cams[0].opacity
        else:
            empty_layers(viewer, "map")
            for layer in self._hidden:
                layer.visible = True
            self._hidden = []

    def _moved(self, *_: object) -> None:
        """Say which slices the maps are of."""
        maps = self._maps
        if maps is None or self.background.running:
            return
        if not maps.maps:
            self.status.setText(f"This model has no further maps: {maps.why_none}.")
            return
        text, index = "", self._session.slice_index
        if index is not None and index not in maps.slices:
            text = f"Computed for slice {', '.join(map(str, maps.slices))}. "
        if maps.reference:
            text += f"Decomposed with {self._session.order.hide(maps.reference)}."
        self.status.setText(text.strip())

    def _refresh(self) -> None:
        running = self.background.running
        self.slice_button.setEnabled(not running)
        self.scan_button.setEnabled(not running)
        self.cancel_button.setVisible(running)
        self.shown.setVisible(self._maps is not None)


def _computed(
    study: "Study", found: Result, slices: list[int]
) -> Callable[[], Generator[Any, None, "MoreMaps"]]:
    """Make the events of computing maps: text and `Progress`; the value are the maps."""

    def events() -> Generator[Any, None, "MoreMaps"]:
        yield "Loading the network …"
        from napari_mcwss.model.checkpoint import load_model
        from napari_mcwss.segmentation.prediction.more_maps import more_maps

        model = load_model(study.model_folder(found.model))
        return (yield from more_maps(study, model, found.scan, slices))

    return events
