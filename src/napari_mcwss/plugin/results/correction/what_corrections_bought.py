"""How near models come to corrected masks that they have not learnt from."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt

from napari_mcwss.measurement.corrections import Nearness, near_corrections
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.note import Note

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


class WhatCorrectionsBought(Note):
    """Tells the Dice of each model on corrected masks that it has not learnt from.

    It is computed in the background when models change, a mask is confirmed or no longer, or the
    result of a scan whose mask is confirmed comes to the screen.
    """

    def __init__(self, state: ResultState) -> None:
        super().__init__(textFormat=Qt.TextFormat.PlainText)
        self.setToolTip(
            "Mean Dice of each model's masks on the corrected masks that are marked as right and "
            "that it has not learnt from"
        )
        self._session = state.session
        self._correcting = state.session.correcting
        self._known: tuple[Study | None, str | None, bool] = (None, None, False)
        self._comparison = Latest(self, "comparison with corrected masks")
        self._comparison.answered.connect(self._show)
        self._comparison.failed.connect(self.clear)
        state.models_changed.connect(self.compare)
        state.shown.connect(self._compare_if_right)
        self._correcting.saving.changed.connect(self._compare_if_confirmed)

    def compare(self) -> None:
        """Compare models with the corrected masks on the disk."""
        study = self._session.study
        if study is None:
            self._comparison.forget()
            self.clear()
        else:
            self._comparison.ask(lambda: near_corrections(study))

    def _compare_if_right(self) -> None:
        if self._correcting.right:
            self.compare()

    def _compare_if_confirmed(self) -> None:
        now = self._session.study, self._session.scan, self._correcting.right
        if not self._correcting.saving.waiting and now != self._known:
            self._known = now
            self.compare()

    def _show(self, found: list[Nearness]) -> None:
        listed = ", ".join(map(str, found))
        self.setText(
            f"Dice on corrected masks that the model was not trained on: {listed}" if found else ""
        )
