"""Comparison with a second reader's tags: disagreements, and agreement of each class."""

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.rows import row, stack
from napari_mcwss.plugin.study.tag_sources import TagSourceDialog
from napari_mcwss.plugin.tagging.scan_list import ScanList
from napari_mcwss.plugin.tagging.strip.widget import TagStrip
from napari_mcwss.tags.agreement import class_agreement, disagreements
from napari_mcwss.tags.table import Tag, TagTable

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


class CompareDialog(TagSourceDialog):
    """Asks for the tags of a second reader, and reads them without importing them."""

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent, session, "Compare with a second reader", "Compare", masks=False)
        self.tables: dict[str, TagTable] = {}
        self.refresh()

    def show_found(self, value: dict[str, TagTable] | None) -> str:
        """Keep the tags; return an error if none is known."""
        self.tables = value or {}
        if value is None or any(table.tagged.any() for table in value.values()):
            return ""
        return "There is nothing to compare: the other reader has no known tags."


class Comparison(QWidget):  # type: ignore[misc]
    """Flags disagreements on the strip, goes through them, and shows the kappa of each class.

    Hidden while nothing is compared.

    Attributes
    ----------
    place_wanted : Signal
        A scan and a slice to show.
    """

    place_wanted = Signal(str, int)

    def __init__(self, session: Session, scans: ScanList, strip: TagStrip) -> None:
        super().__init__()
        self._session = session
        self._scans = scans
        self._strip = strip
        self._study: Study | None = None
        self._second: dict[str, TagTable] = {}
        self.title, self.here = (
            QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True) for _ in range(2)
        )
        self.kappas = QLabel()
        self.next_button = QPushButton("Next disagreement", clicked=self.go_on)
        self.stop_button = QPushButton("Stop comparing", clicked=self.stop)
        self._counting = Latest(self, "comparison of readers")
        self._counting.answered.connect(self.kappas.setText)
        scans.tables_changed.connect(self._count)
        stack(self, self.title, self.kappas, self.here, row(self.next_button, self.stop_button))
        self.hide()

    def start(self, name: str, tables: dict[str, TagTable]) -> None:
        """Compare the open study with the tags of a second reader for each scan."""
        self._study, self._second = self._session.study, tables
        self.title.setText(f"Compared with {self._session.order.hide(name)}")
        self.kappas.clear()
        self.show()
        self._count()
        self.show_slice()

    def stop(self) -> None:
        """Forget the second reader's tags."""
        self._study, self._second = None, {}
        self._counting.forget()
        self._strip.set_disagreements(None)
        self.hide()

    def show_slice(self) -> None:
        """Show the disagreements of the scan and the slice on screen; stop if the study changed."""
        study, scan, table = self._session.study, self._session.scan, self._session.table
        if self._study is None:
            return
        if self._study is not study:
            self.stop()
            return
        second = self._second.get(scan) if scan is not None else None
        if table is None or second is None:
            self._strip.set_disagreements(None)
            self.here.setText("" if table is None else "This scan has no tags to compare with.")
            return
        different = disagreements(table, second)
        self._strip.set_disagreements(different)
        index = self._session.slice_index
        texts = []
        if index is not None:
            for column in np.flatnonzero(different[index]).tolist():
                mine, theirs = (Tag(int(t.values[index, column])) for t in (table, second))
                name = table.classes[column]
                texts.append(f"{name}: {mine.name.lower()} here, {theirs.name.lower()} there")
        self.here.setText("\n".join(texts) or "No disagreement on this slice.")

    def go_on(self) -> None:
        """Go to the next slice on which the readers disagree, in this scan or a later one."""
        names, scan = self._session.order.names, self._session.scan
        start = names.index(scan) if scan in names else 0
        index = self._session.slice_index
        after = -1 if index is None else index
        for name in (*names[start:], *names[: start + 1]):
            found = self._different(name)
            later = found[found > after]
            after = -1
            if len(later):
                self.place_wanted.emit(name, int(later[0]))
                return
        self.here.setText("There is no disagreement.")

    def _different(self, scan: str) -> NDArray[np.intp]:
        """Return the slices of a scan on which the readers disagree."""
        mine, theirs = self._scans.tables.get(scan), self._second.get(scan)
        if mine is None or theirs is None:
            return np.zeros(0, np.intp)
        return np.flatnonzero(disagreements(mine, theirs).any(axis=1))

    def _count(self) -> None:
        if self._study is None:
            return
        tables = self._scans.tables
        pairs = [(tables[s], second) for s, second in self._second.items() if s in tables]
        classes = self._study.class_names
        self._counting.ask(lambda: _agreement_text(pairs, classes))


def _agreement_text(pairs: Sequence[tuple[TagTable, TagTable]], classes: Sequence[str]) -> str:
    """Return the agreement of each class, as rich text."""
    rows = [("", "compared", "agreed", "Cohen's kappa")]
    for name in classes:
        found = class_agreement(pairs, name)
        kappa = "-" if math.isnan(found.kappa) else f"{found.kappa:.2f}"
        rows.append((escape(name), str(found.compared), str(found.agreed), kappa))
    lines = (
        f"<tr><td>{name}</td>{''.join(f'<td align=right>&nbsp;{text}</td>' for text in texts)}</tr>"
        for name, *texts in rows
    )
    return f"<table>{''.join(lines)}</table>"
