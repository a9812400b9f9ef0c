"""The part of the Results dock that segments the scan on screen."""

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QProgressBar, QPushButton, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.segmenting import segment
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import side_by_side, stack

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


class SegmentOne(QWidget):  # type: ignore[misc]
    """Segments the scan on screen, with progress and cancel."""

    def __init__(self, state: ResultState) -> None:
        super().__init__()
        self._state, self._session = state, state.session
        self._study: Study | None = None
        self._began = 0.0
        self.background = Background(self)
        self.background.event_received.connect(self._show_progress)
        self.background.ended.connect(self._end)
        self.segment_button = QPushButton(
            "Segment this scan",
            toolTip="Predict the CAMs and the mask of this scan, and store them in the study",
            clicked=self.segment,
        )
        self.cancel_button = QPushButton("Cancel", clicked=self.cancel)
        self.hint = Note()
        self.progress = QProgressBar(textVisible=False)
        self.status = Note()
        buttons = side_by_side(self.segment_button, self.cancel_button)
        stack(self, buttons, self.hint, self.progress, self.status)
        state.changed.connect(self.refresh)
        connect_until_destroyed(self, self._forget_study, self._session.study_opened)
        self.refresh()

    def segment(self) -> None:
        """Segment the scan on screen with the chosen model.

        Damaged tags prevent it while known tags are used, as the mask is stored.
        """
        study, scan, model = self._session.study, self._session.scan, self._state.model
        if study is None or scan is None or not model:
            return
        try:
            job = Job(
                f"segmentation of {self._session.order.label(scan)}",
                partial(segment, study, model, scan, self._state.tagged_settings()),
                lambda event: not isinstance(event, str),
                computes=True,
            )
            self.background.start(job)
        except McwssError as error:
            show_error(str(error))
            return
        self._study, self._began = study, time.monotonic()
        self.refresh()

    def cancel(self) -> None:
        """Ask the segmentation to stop."""
        self.background.cancel()
        self.status.setText("Cancelling …")
        self.refresh()

    def _forget_study(self) -> None:
        if not self.background.running:
            self.status.clear()

    def refresh(self) -> None:
        """Enable what can be done now, and say what is missing."""
        study, scan, running = self._session.study, self._session.scan, self.background.running
        ready = study is not None and scan is not None and bool(self._state.model)
        self.segment_button.setEnabled(ready and not running)
        self.progress.setVisible(running)
        self.cancel_button.setEnabled(running and not self.background.cancelling)
        if study is None:
            hint = "Open or make a study in the Tagging dock first."
        elif scan is None:
            hint = "Choose a scan in the Tagging dock first."
        else:
            hint = "Train a model in the Training dock first."
        self.hint.setText("" if ready else hint)

    def _show_progress(self, event: Any) -> None:
        if self.background.cancelling:
            return
        if isinstance(event, str):
            self.status.setText(event)
        else:
            self.progress.setRange(0, event.total)
            self.progress.setValue(event.done)
            self.status.setText(f"{event.done} of {event.total} slices")

    def _end(self, outcome: JobOutcome) -> None:
        self.progress.setValue(0)
        self.status.setText("Cancelled." if outcome.cancelled else "")
        self.refresh()
        if outcome.error is not None:
            self.status.setText("Failed.")
        elif outcome.value is not None:
            label = self._session.order.label(outcome.value.scan)
            seconds = time.monotonic() - self._began
            text = f"{label} is segmented and stored: {seconds:.1f} s."
            # Another study can have a scan and a model of these names.
            if self._study is self._session.study:
                self._state.take(outcome.value)
                self._session.results_changed.emit(outcome.value.scan)
            elif self._study is not None:
                text = f"{self._study.folder.name}: {text}"
            self.status.setText(text)
