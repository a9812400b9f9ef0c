"""Widgets and a dialog to choose tags from files, another study or masks, and to read them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_in, names_text
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.rows import ok_cancel, side_by_side, stack
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import read_tags, tags_of_masks
from napari_mcwss.tags.mask_values import values_of_class
from napari_mcwss.tags.table import TagTable

TYPING = 400
"""Milliseconds after the last keystroke before the text is used."""

Read = Callable[[Callable[[str], None]], dict[str, TagTable]]
"""Reads tags in another thread, and calls its argument with a note of what it leaves out."""


class Kind(StrEnum):
    """What tags are read from."""

    FILES = "Files of tags"
    STUDY = "Another study"
    MASKS = "Masks"


class TagSource(QWidget):  # type: ignore[misc]
    """Fields of a dialog for the source of tags.

    Parameters
    ----------
    study : Study
        The study to read the tags for.
    masks : bool
        Whether masks are a possible source.

    Attributes
    ----------
    edited : Signal
        The user is typing.
    changed : Signal
        The source has changed.
    paths : tuple of Path
        The files, or the folder of the other study.
    """

    edited = Signal()
    changed = Signal()

    def __init__(self, study: Study, *, masks: bool) -> None:
        super().__init__()
        self._study = study
        self.paths: tuple[Path, ...] = ()
        self.kind = QComboBox()
        self.kind.addItems([kind for kind in Kind if masks or kind is not Kind.MASKS])
        self.kind.currentTextChanged.connect(lambda _: self.set_paths(()))
        self.chosen = QLabel()
        self.choose_button = QPushButton("Choose …", clicked=self._ask)
        self.masks = QLineEdit(
            placeholderText="their name beside each scan's files, such as seg",
            textChanged=self._type,
        )
        self.folder_button = QPushButton("Folder …", clicked=self._ask_masks)
        hint = "values in the masks, such as 1, 4, or names; none: not imported"
        self.values = {
            name: QLineEdit(placeholderText=hint, textChanged=self._type)
            for name in study.class_names
        }
        self._typing = QTimer(self, singleShot=True, interval=TYPING)
        self._typing.timeout.connect(self.changed)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow("From", self.kind)
        self._paths_row = side_by_side(self.chosen, self.choose_button)
        self._mask_rows = [side_by_side(self.masks, self.folder_button), *self.values.values()]
        self._form.addRow("", self._paths_row)
        self._form.addRow("Masks", self._mask_rows[0])
        for name, values in self.values.items():
            self._form.addRow(name, values)
        self.set_paths(())

    def set_paths(self, paths: Sequence[Path]) -> None:
        """Choose files, or the folder of a study."""
        self.paths = tuple(paths)
        self.chosen.setText(self.name if paths else "none chosen")
        self._form.setRowVisible(self._paths_row, self.kind.currentText() != Kind.MASKS)
        for row in self._mask_rows:
            self._form.setRowVisible(row, self.kind.currentText() == Kind.MASKS)
        self.changed.emit()

    @property
    def missing(self) -> str:
        """What the user has to enter, or correct; empty if nothing."""
        kind = self.kind.currentText()
        if kind == Kind.FILES and not self.paths:
            return "Choose CSV or TSV files: scan, slice, class, tag."
        if kind == Kind.STUDY and not self.paths:
            return "Choose the folder of another study of the same scans."
        if kind != Kind.MASKS:
            return ""
        if not self.masks.text().strip():
            return "Name the masks, or choose a folder of masks named after the scans."
        for name, values in self.values.items():
            try:
                _ = names_in(values.text()) and values_of_class(values.text())
            except McwssError as error:
                return f"{name}: {error}."
        if not self._mapping():
            return "Say which values in the masks are which class."
        return ""

    @property
    def name(self) -> str:
        """The names of the files or the study."""
        return names_text([path.name for path in self.paths], most=3)

    def reader(self) -> Read:
        """Return a function that reads the chosen tags, and uses no widget."""
        if self.kind.currentText() == Kind.MASKS:
            return partial(_read_masks, self._study, self.masks.text().strip(), self._mapping())
        return partial(read_tags, self._study, self.paths)

    def _mapping(self) -> dict[str, tuple[int | str, ...]]:
        texts = {name: line.text() for name, line in self.values.items()}
        return {name: values_of_class(text) for name, text in texts.items() if names_in(text)}

    def _type(self) -> None:
        self.edited.emit()
        self._typing.start()

    def _ask(self) -> None:
        if self.kind.currentText() == Kind.STUDY:
            folder = QFileDialog.getExistingDirectory(self, "Folder of a study")
            files = [folder] if folder else []
        else:
            files, _ = QFileDialog.getOpenFileNames(
                self, "Files of tags", "", "Tables (*.csv *.tsv);;All files (*)"
            )
        if files:
            self.set_paths([Path(file) for file in files])

    def _ask_masks(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of masks")
        if folder:
            self.masks.setText(folder)


@dataclass(frozen=True)
class Answer:
    """What a dialog made of the tags, what was left out, or why they could not be read."""

    value: Any = None
    notes: tuple[str, ...] = ()
    reason: str = ""


class TagSourceDialog(QDialog):  # type: ignore[misc]
    """A dialog that reads tags, and shows what it found before it is accepted.

    Attributes
    ----------
    reason : QLabel
        Shows what is missing or wrong, or what the dialog is doing.
    notes : QLabel
        Lists what was left out.
    """

    def __init__(
        self, parent: QWidget, session: Session, title: str, verb: str, *, masks: bool
    ) -> None:
        super().__init__(parent)
        assert session.study is not None
        self.session = session
        self.study: Study = session.study
        self.setWindowTitle(title)
        self.source = TagSource(self.study, masks=masks)
        self.source.edited.connect(self._invalidate)
        self.source.changed.connect(self.refresh)
        self.reason, self.notes = (
            QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText) for _ in range(2)
        )
        self.buttons, self.ok_button = ok_cancel(self, verb)
        self._reading = Latest(self, "reading of tags")
        self._reading.answered.connect(self._take)
        self.found = QVBoxLayout()
        stack(self, self.source, self.found, self.notes, self.reason, self.buttons, margins=True)
        self.layout().insertStretch(2, 1)
        self.resize(560, self.sizeHint().height())

    def work(self) -> Callable[[dict[str, TagTable]], Any]:
        """Return what is called, in another thread, to turn the tags into what is shown."""
        return lambda tables: tables

    def show_found(self, value: Any) -> str:  # noqa: ARG002
        """Show what was made of the tags, or None; return why it cannot be accepted."""
        return ""

    def _invalidate(self) -> None:
        """Accept nothing until the changed source is read."""
        self._reading.forget()
        self.ok_button.setEnabled(False)

    def refresh(self) -> None:
        """Read the chosen tags, or show what is missing."""
        self._invalidate()
        self.notes.clear()
        self.notes.hide()
        self.show_found(None)
        missing = self.source.missing
        self.reason.setText(missing or "Reading …")
        if not missing:
            self._reading.ask(partial(_answer, self.source.reader(), self.work()))

    def _take(self, answer: Answer) -> None:
        hide = self.session.order.hide
        self.notes.setText("\n".join(f"⚠ {hide(note)}." for note in answer.notes))
        self.notes.setVisible(bool(answer.notes))
        obstacle = hide(answer.reason) or self.show_found(answer.value)
        self.ok_button.setEnabled(not obstacle)
        self.reason.setText(obstacle)


def _answer(read: Read, work: Callable[[dict[str, TagTable]], Any]) -> Answer:
    notes: list[str] = []
    try:
        return Answer(work(read(notes.append)), tuple(notes))
    except McwssError as error:
        # The dialog shows it; a notification would lie behind the dialog.
        return Answer(reason=str(error))
    except OSError as error:
        return Answer(reason=f"cannot read '{error.filename}': {error.strerror}")


def _read_masks(
    study: Study,
    masks: str,
    mapping: Mapping[str, Sequence[int | str]],
    warn: Callable[[str], None],
) -> dict[str, TagTable]:
    files = {scan: study.files(scan)[0] for scan in study.scan_names}
    found = find_masks(masks, files, partial=True)
    without = [scan for scan in files if scan not in found]
    if without:
        warn(f"scans without a mask, left out: {names_text(without)}")
    return dict(tags_of_masks(study, found, mapping, warn))
