"""The classifier's scores of the slice on screen beside its tags."""

from collections.abc import Callable
from html import escape

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGroupBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_mcwss.plugin.segmenting import Found
from napari_mcwss.plugin.session import Session
from napari_mcwss.segmentation.exclusive import GATE
from napari_mcwss.tags.agreement import contradictions
from napari_mcwss.tags.table import Tag

STRIKING = "#ff6b4a"
"""Colour of what should be looked at; to be read on dark and on light ground."""


class SliceScores(QGroupBox):  # type: ignore[misc]
    """Tag and score of each class, and the way to slices where they contradict each other.

    Parameters
    ----------
    session : Session
        With the tags and the slice on screen.
    """

    def __init__(self, session: Session) -> None:
        super().__init__("Scores and tags of this slice")
        self._session = session
        self._found: Found | None = None
        self.here = QLabel()
        self.here.setTextFormat(Qt.TextFormat.RichText)
        self.count = QLabel()
        self.next_button = QPushButton("Next disagreement")
        self.next_button.setToolTip(
            "The next slice whose tag and score contradict each other: "
            "the tag may be wrong, or the model"
        )
        self.next_button.clicked.connect(self.go_on)
        row = QHBoxLayout()
        row.addWidget(self.count, 1)
        row.addWidget(self.next_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.here)
        layout.addLayout(row)
        session.tags_changed.connect(self._tags_changed)
        session.viewer.dims.events.current_step.connect(self.refresh)
        session.viewer.dims.events.order.connect(self.refresh)
        session.viewer.dims.events.ndisplay.connect(self.refresh)
        self.destroyed.connect(_disconnector(session, self))
        self.follow(None)

    def follow(self, found: Found | None) -> None:
        """Speak of another result, or of none."""
        self._found = found
        self.refresh()
        self.setVisible(found is not None)

    def go_on(self) -> None:
        """Go to the next slice with a disagreement, after the last one to the first."""
        different = np.flatnonzero(self._different().any(1))
        if not different.size:
            return
        index = self._session.slice_index
        later = different[different > (-1 if index is None else index)]
        self._session.turn_back()
        self._session.go_to(int(later[0] if later.size else different[0]))

    def refresh(self, *_: object) -> None:
        """Follow the slice on screen and its tags."""
        found, index = self._found, self._session.slice_index
        if found is None:
            return
        different = self._different()
        slices = int(different.any(1).sum())
        self.next_button.setEnabled(slices > 0)
        count = {0: "No disagreement", 1: "Disagreement on 1 slice"}
        self.count.setText(count.get(slices, f"Disagreements on {slices} slices"))
        table = self._session.table
        if index is None or index >= len(found.prediction.scores):
            self.here.setText("Turn the view to the slices that are tagged.")
            return
        rows = []
        for column, name in enumerate(found.prediction.classes):
            tag = Tag.UNKNOWN if table is None else Tag(int(table.values[index, column]))
            said = "not tagged" if tag is Tag.UNKNOWN else f"tagged {tag.name.lower()}"
            text = f"{said}, predicted {found.prediction.scores[index, column]:.2f}"
            if different[index, column]:
                text = f"<b style='color:{STRIKING}'>{text}</b>"
            rows.append(
                f"<tr><td style='padding-right:12px'>{escape(name)}</td><td>{text}</td></tr>"
            )
        self.here.setText(f"<table>{''.join(rows)}</table>")
        # Without this the first table that is shown keeps the height of one line.
        self.setMinimumHeight(self.layout().minimumSize().height())

    def _different(self) -> NDArray[np.bool_]:
        table, found = self._session.table, self._found
        if found is None:
            return np.zeros((0, 0), bool)
        scores = found.prediction.scores
        if table is None or table.values.shape != scores.shape:
            return np.zeros(scores.shape, bool)
        return contradictions(table, scores, GATE)

    def _tags_changed(self, scan: str) -> None:
        if self._found is not None and scan == self._found.scan:
            self.refresh()


def _disconnector(session: Session, widget: SliceScores) -> Callable[[], None]:
    """Give what ends the connections: signals outlive the widget."""

    def disconnect() -> None:
        session.tags_changed.disconnect(widget._tags_changed, missing_ok=True)
        events = session.viewer.dims.events
        for event in (events.current_step, events.order, events.ndisplay):
            event.disconnect(widget.refresh)

    return disconnect
