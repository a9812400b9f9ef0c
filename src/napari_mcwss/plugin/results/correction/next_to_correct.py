"""The way to the scan whose correction teaches most."""

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QWidget

from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import row, stack

if TYPE_CHECKING:
    from napari_mcwss.segmentation.next_to_correct import Doubt
    from napari_mcwss.study.study import Study


class NextToCorrect(QWidget):  # type: ignore[misc]
    """Goes to the scan about which the model is least sure, and says why.

    Another button can stand beside its own.
    """

    def __init__(self, state: ResultState, beside: QWidget) -> None:
        super().__init__()
        self._state, self._session = state, state.session
        self.button = QPushButton(
            "Next to correct",
            toolTip="Go to the scan without a corrected mask about which the model is least sure",
            clicked=self.search,
        )
        self.reason = Note(textFormat=Qt.TextFormat.PlainText)
        self._study: Study | None = None
        self._search = Latest(self, "search for a scan to correct")
        self._search.answered.connect(self._take)
        self._search.failed.connect(self.reason.clear)
        stack(self, row(self.button, beside), self.reason)
        state.changed.connect(self._refresh)
        self._refresh()

    def search(self) -> None:
        """Look for the scan in the background."""
        study, model = self._session.study, self._state.model
        if study is None or not model:
            return
        self.reason.setText("Looking for the least sure scan …")
        self._search.ask(partial(_find, study, model))

    def _take(self, doubt: "Doubt | None") -> None:
        if doubt is None:
            self.reason.setText("Every segmented scan has a corrected mask.")
        else:
            label = self._session.order.label(doubt.scan)
            self.reason.setText(f"Next to correct: {label} ({doubt.reason})")
            self._session.reset_view()
            self._session.place_wanted.emit(doubt.scan, doubt.slice_index)

    def _refresh(self) -> None:
        if self._study is not self._session.study:
            self._study = self._session.study
            self._search.forget()
            self.reason.clear()
        self.button.setEnabled(self._session.study is not None and bool(self._state.model))


def _find(study: "Study", model: str) -> "Doubt | None":
    # It loads torch, which takes seconds.
    from napari_mcwss.segmentation.next_to_correct import rank_to_correct

    return next(iter(rank_to_correct(study, model, study.scan_names)), None)
