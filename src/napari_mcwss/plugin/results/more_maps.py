"""The part of the Results dock that shows further maps in place of the CAMs."""

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QGroupBox, QPushButton
from superqt.utils import signals_blocked

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.segmenting import Result
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.layers import empty_layers, show_map_layers, study_layers
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import row, stack

if TYPE_CHECKING:
    from napari_mcwss.segmentation.prediction.more_maps import MoreMaps
    from napari_mcwss.study.study import Study

EXPLANATION = (
    "What a CAM is made of. The network looks at an image at several levels, from fine to coarse, "
    "and some networks have two branches, one with a reference slice: these maps show what each "
    "level and each branch finds. LayerCAM shows what the score of a class depends on."
)

CAMS = "CAM"
"""Stands for the CAMs in the list of maps."""


class MoreMapsBox(QGroupBox):  # type: ignore[misc]
    """Computes maps of levels, branches and LayerCAM, and switches between them and the CAMs."""

    def __init__(self, state: ResultState) -> None:
        super().__init__("Maps inside the network")
        self.setToolTip(EXPLANATION)
        self._state, self._session = state, state.session
        self._maps: MoreMaps | None = None
        self._wanted: Result | None = None
        self.background = Background(self)
        self.background.event_received.connect(self._show_progress)
        self.background.ended.connect(self._ended)
        self.slice_button = QPushButton(
            "Show for this slice",
            toolTip=EXPLANATION,
            clicked=self.compute_slice,
        )
        self.scan_button = QPushButton(
            "Show for the scan",
            toolTip="The same maps of all slices, which takes longer",
            clicked=self.compute_scan,
        )
        self.cancel_button = QPushButton("Cancel", clicked=self.background.cancel)
        self.shown = QComboBox(
            toolTip="Which maps are shown in place of the CAMs", currentTextChanged=self._show
        )
        self.status = Note(textFormat=Qt.TextFormat.PlainText)
        buttons = row(self.slice_button, self.scan_button, self.cancel_button)
        stack(self, buttons, self.shown, self.status, margins=True)
        connect_until_destroyed(self, self._moved, self._session.viewer.dims.events.current_step)
        for signal in (state.shown, state.cleared):
            signal.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.background.cancel()
        self.status.clear()
        self._take(None)
        self.setVisible(self._state.on_screen is not None)

    def compute_slice(self) -> None:
        """Compute the maps of the slice on screen."""
        index = self._session.slice_index
        if index is None:
            self.status.setText("Turn the view to the slices that are tagged.")
        else:
            self._compute([index])

    def compute_scan(self) -> None:
        """Compute the maps of all slices."""
        result = self._state.on_screen
        if result is not None:
            self._compute(list(range(result.geometry.shape[0])))

    def _compute(self, slices: list[int]) -> None:
        study, result = self._session.study, self._state.on_screen
        if study is None or result is None:
            return
        job = Job(
            "computation of maps",
            partial(_computed, study, result, slices),
            lambda event: not isinstance(event, str),
            computes=True,
        )
        try:
            self.background.start(job)
        except McwssError as error:
            show_error(str(error))
            return
        self._wanted = result
        self._refresh()

    def _show_progress(self, event: Any) -> None:
        if isinstance(event, str):
            self.status.setText(event)
        elif not self.background.cancelling:
            self.status.setText(f"{event.done} of {event.total} slices")

    def _ended(self, outcome: JobOutcome) -> None:
        wanted, self._wanted = self._wanted, None
        if outcome.value is not None and wanted is self._state.on_screen:
            self._take(outcome.value)
        else:
            self.status.setText("Cancelled." if outcome.cancelled else "")
        self._refresh()

    def _take(self, maps: "MoreMaps | None") -> None:
        """List computed maps; the chosen kind stays chosen."""
        chosen = self.shown.currentText()
        self._maps = maps
        with signals_blocked(self.shown):
            self.shown.clear()
            self.shown.addItems([CAMS, *(maps.maps if maps is not None else ())])
            self.shown.setCurrentText(chosen)
            if maps is not None and maps.maps and self.shown.currentText() == CAMS:
                self.shown.setCurrentIndex(1)
        self._show()
        self._moved()
        self._refresh()

    def _show(self) -> None:
        study, result, maps = self._session.study, self._state.on_screen, self._maps
        viewer, name = self._session.viewer, self.shown.currentText()
        if self._session.window_closed:
            return
        chosen = None if maps is None else maps.maps.get(name)
        if study is not None and result is not None and maps is not None and chosen is not None:
            show_map_layers(viewer, result.geometry, study.classes, name, maps.slices, chosen)
            cams = study_layers(viewer, "cam")
            for layer in study_layers(viewer, "map"):
                layer.opacity = cams[0].opacity
        else:
            empty_layers(viewer, "map")

    def _moved(self) -> None:
        """Tell of which slices the maps are."""
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
    study: "Study", result: Result, slices: list[int]
) -> Generator[Any, None, "MoreMaps"]:
    """Compute maps; yields texts and the `Progress` of `more_maps`."""
    yield "Loading the network …"
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.segmentation.prediction.more_maps import more_maps

    model = load_model(study.model_folder(result.model))
    return (yield from more_maps(study, model, result.scan, slices))
