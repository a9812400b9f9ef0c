"""The classifier's scores of the slice on screen, beside its tags."""

from functools import partial
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGroupBox, QLabel, QPushButton

from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.rows import side_by_side, stack
from napari_mcwss.segmentation.masks.exclusive import GATE
from napari_mcwss.tags.agreement import contradictions
from napari_mcwss.tags.table import Tag

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study

STRIKING = "#ff6b4a"
"""Colour of contradictions; it can be read on dark and on light ground."""


class SliceScores(QGroupBox):  # type: ignore[misc]
    """Shows tag and score of each class, and leads to slices where they contradict each other."""

    def __init__(self, state: ResultState) -> None:
        super().__init__("Scores and tags of this slice")
        session = state.session
        self._state, self._session = state, session
        self.here = QLabel(textFormat=Qt.TextFormat.RichText)
        self.count = QLabel(wordWrap=True)
        self.next_button = QPushButton(
            "Next disagreement",
            toolTip="The next slice whose tag and score contradict each other, on this or another "
            "segmented scan: the tag may be wrong, or the model",
            clicked=self.go_on,
        )
        self._others = Latest(self, "search for disagreements")
        self._others.answered.connect(self._take_other)
        stack(self, self.here, side_by_side(self.count, self.next_button), margins=True)
        connect_until_destroyed(self, self._tags_changed, session.tags_changed)
        view = session.viewer.dims.events
        connect_until_destroyed(self, self.refresh, view.current_step, view.order, view.ndisplay)
        for signal in (state.shown, state.cleared):
            signal.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self._others.forget()
        self.refresh()
        self.setVisible(self._state.on_screen is not None)

    def go_on(self) -> None:
        """Go to the next slice with a disagreement, on this scan or another one."""
        result, study = self._state.on_screen, self._session.study
        if result is None or study is None:
            return
        different = np.flatnonzero(self._different().any(1))
        index = self._session.slice_index
        later = different[different > (-1 if index is None else index)]
        if later.size:
            self._show_here(int(later[0]))
            return
        names = self._session.order.names
        here = names.index(result.scan) if result.scan in names else len(names)
        others = (*names[here + 1 :], *names[:here])
        self.count.setText("Looking at other scans …")
        self._others.ask(partial(_find, study, result.model, others))

    def _take_other(self, place: tuple[str, int] | None) -> None:
        """Go to another scan, or to the first disagreement of this one if no other has any."""
        different = np.flatnonzero(self._different().any(1))
        self.refresh()
        if place is not None:
            self._session.reset_view()
            self._session.place_wanted.emit(*place)
        elif different.size:
            self._show_here(int(different[0]))
        else:
            self.count.setText("No disagreement on any segmented scan")

    def _show_here(self, index: int) -> None:
        self._session.reset_view()
        self._session.go_to(index)

    def refresh(self) -> None:
        """Follow the slice on screen and its tags."""
        result, index = self._state.on_screen, self._session.slice_index
        if result is None:
            return
        different = self._different()
        slices = int(different.any(1).sum())
        count = {0: "No disagreement", 1: "Disagreement on 1 slice"}
        self.count.setText(count.get(slices, f"Disagreements on {slices} slices"))
        table = self._session.table
        scores = result.prediction.scores
        if index is None or index >= len(scores):
            self.here.setText("Turn the view to the slices that are tagged.")
            return
        rows = []
        for column, name in enumerate(result.prediction.classes):
            tag = Tag.UNKNOWN if table is None else Tag(int(table.values[index, column]))
            said = "not tagged" if tag is Tag.UNKNOWN else f"tagged {tag.name.lower()}"
            learnt = name not in result.prediction.unknown
            score = f"predicted {scores[index, column]:.2f}" if learnt else "not learnt"
            text = f"{said}, {score}"
            if different[index, column]:
                text = f"<b style='color:{STRIKING}'>{text}</b>"
            rows.append(
                f"<tr><td style='padding-right:12px'>{escape(name)}</td><td>{text}</td></tr>"
            )
        self.here.setText(f"<table>{''.join(rows)}</table>")
        # Or the first table keeps the height of one line.
        self.setMinimumHeight(self.layout().minimumSize().height())

    def _different(self) -> NDArray[np.bool_]:
        """Return where tag and score contradict each other, ``(slices, classes)``."""
        table, result = self._session.table, self._state.on_screen
        if result is None:
            return np.zeros((0, 0), bool)
        scores = result.prediction.scores
        if table is None or table.values.shape != scores.shape:
            return np.zeros(scores.shape, bool)
        return contradictions(table, scores, GATE)

    def _tags_changed(self, scan: str) -> None:
        result = self._state.on_screen
        if result is not None and scan == result.scan:
            self.refresh()


def _find(study: "Study", model: str, scans: tuple[str, ...]) -> tuple[str, int] | None:
    # It loads torch, which takes seconds.
    from napari_mcwss.segmentation.disagreement import first_disagreement

    return first_disagreement(study, model, scans)
