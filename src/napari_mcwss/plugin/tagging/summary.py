"""Counts of the tags of a study, and advice on what is missing for training."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel

from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.tags.advice import advise
from napari_mcwss.tags.table import Tag, TagTable

REST = 250
"""Milliseconds without a change before tags are summarised, to skip single keystrokes."""


class TagSummary(QLabel):  # type: ignore[misc]
    """Shows counts and advice, which are computed in another thread."""

    def __init__(self) -> None:
        super().__init__(wordWrap=True, alignment=Qt.AlignmentFlag.AlignTop)
        self._counting = Latest(self, "summary of the tags")
        self._counting.answered.connect(self.setText)
        self._tags: dict[str, np.ndarray] = {}
        self._classes: tuple[str, ...] = ()
        self._rest = QTimer(self, singleShot=True, interval=REST)
        # Qt disconnects a method, but no other function, when the widget is destroyed.
        self._rest.timeout.connect(self._ask)

    def show_tables(self, tables: Mapping[str, TagTable], classes: Sequence[str]) -> None:
        """Summarise the tags of a study's scans, once they no longer change."""
        if not tables or not classes:
            self._rest.stop()
            self._counting.forget()
            self.clear()
            return
        self._tags = {scan: table.values for scan, table in tables.items()}
        self._classes = tuple(classes)
        self._rest.start()

    def _ask(self) -> None:
        tags, classes = self._tags, self._classes
        self._counting.ask(lambda: summary(tags, classes))


def summary(tags: Mapping[str, np.ndarray], classes: Sequence[str]) -> str:
    """Return the counts of each class and the advice, as rich text.

    Parameters
    ----------
    tags : mapping
        Name of a scan to its tags, int8 ``(slices, classes)``.
    classes : sequence of str
        Names of the classes.
    """
    together = np.concatenate(list(tags.values()))
    rows = []
    for index, name in enumerate(classes):
        counts = (int((together[:, index] == tag).sum()) for tag in reversed(Tag))
        cells = "".join(f"<td align='right'>&nbsp;{count}</td>" for count in counts)
        rows.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    head = "".join(f"<td>&nbsp;{tag.name.lower()}</td>" for tag in reversed(Tag))
    table = f"<table><tr><td>Study</td>{head}</tr>{''.join(rows)}</table>"
    tagged = {scan: values for scan, values in tags.items() if (values != Tag.UNKNOWN).any()}
    notes = advise(tagged, classes) if tagged else []
    # No capitals: notes begin with names of the user's.
    return table + "".join(f"<p>\u26a0 {escape(note)}.</p>" for note in notes)
