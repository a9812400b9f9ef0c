"""Dialogs that write a model into one file, and take one from a file."""

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QDialog, QFileDialog, QFormLayout, QLineEdit, QPushButton, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import bytes_text, counted
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import ok_cancel, side_by_side, stack

if TYPE_CHECKING:
    from napari_mcwss.study.model_sharing import ModelCard
    from napari_mcwss.study.study import Study

ZIP = "Model (*.zip)"
WEIGHTS = "weights.safetensors"


class PackDialog(QDialog):  # type: ignore[misc]
    """Asks for what a model's card says, and writes card, settings and weights into one file.

    Attributes
    ----------
    ended : Signal
        The file was written, or could not be.
    """

    ended = Signal()

    def __init__(self, parent: QWidget, study: "Study", model: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Pack {model}")
        self.resize(480, 300)
        self._study, self._model = study, model
        self._written: Path | None = None
        self.background = Background(self)
        self.background.ended.connect(self._end)
        out = study.folder.parent / f"{model}.zip"
        self.out = QLineEdit(str(out), textChanged=self._foretell)
        self.licence = QLineEdit(placeholderText="not stated", toolTip="Such as CC-BY-4.0")
        self.data = QLineEdit(placeholderText="not stated", toolTip="What it was trained on")
        self.figures = QLineEdit(
            placeholderText="none", toolTip="Measurements to include: a file of evaluate --json"
        )
        out_button = QPushButton("…", clicked=self._ask_out)
        figures_button = QPushButton("…", clicked=self._ask_figures)
        self.preview = Note(textFormat=Qt.TextFormat.PlainText)
        self.open_button = QPushButton("Open its folder", clicked=self.open_folder)
        self.open_button.hide()
        form = QFormLayout()
        form.addRow("To", side_by_side(self.out, out_button))
        form.addRow("Licence", self.licence)
        form.addRow("Data", self.data)
        form.addRow("Figures", side_by_side(self.figures, figures_button))
        self.buttons, self.pack_button = ok_cancel(self, "Pack")
        stack(self, form, self.preview, margins=True)
        self.layout().addStretch(1)
        self.layout().addWidget(side_by_side(self.open_button, self.buttons))
        self._foretell()

    def accept(self) -> None:
        """Write the file; the dialog stays open to tell the end."""
        out = Path(self.out.text().strip()).expanduser()
        figures = self.figures.text().strip()
        work = partial(
            _pack,
            self._study,
            self._model,
            out,
            self.data.text().strip() or "not stated",
            self.licence.text().strip() or "not stated",
            Path(figures) if figures else None,
        )
        self.background.start(Job(f"packing of {self._model}", work))
        self.pack_button.setEnabled(False)
        self.preview.setText("Checking the model …")

    def open_folder(self) -> None:
        """Show the folder of the file in the file manager."""
        if self._written is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written.parent)))

    def _ask_out(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Pack", self.out.text(), ZIP)
        if name:
            self.out.setText(name)

    def _ask_figures(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Figures", "", "evaluate --json (*.json)")
        if name:
            self.figures.setText(name)

    def _foretell(self, *_: object) -> None:
        """Say what will be written."""
        text = self.out.text().strip()
        out = Path(text).expanduser()
        self.pack_button.setEnabled(bool(text) and not out.exists())
        if not text:
            self.preview.setText("Name the file to write.")
        elif out.exists():
            self.preview.setText(f"'{out}' exists already: name another file.")
        else:
            weights = self._study.model_folder(self._model) / WEIGHTS
            size = f", {bytes_text(weights.stat().st_size)}" if weights.is_file() else ""
            self.preview.setText(
                f"1 file{size}: a card, the settings and the weights. The names of scans are "
                "left out."
            )

    def _end(self, outcome: JobOutcome) -> None:
        if outcome.error is None and not outcome.cancelled:
            self._written = outcome.value
            size = bytes_text(outcome.value.stat().st_size)
            self.preview.setText(f"Done: {outcome.value}, {size}.")
            self.open_button.show()
        else:
            self._foretell()
            self.preview.setText(str(outcome.error or "Cancelled."))
        self.ended.emit()


class UnpackDialog(QDialog):  # type: ignore[misc]
    """Shows the card of a model's file, and adds the model to a study.

    Attributes
    ----------
    read : Signal
        The card is on screen, or the reason why there is none.
    unpacked : Signal
        The model is in the study; with its name there.
    """

    read = Signal()
    unpacked = Signal(str)

    def __init__(self, parent: QWidget, study: "Study", file: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Unpack {file.name}")
        self.resize(480, 260)
        self._study, self._file = study, file
        self._reading = Latest(self, "reading of a model's card")
        self._reading.answered.connect(self._show)
        self.background = Background(self)
        self.background.ended.connect(self._end)
        self.card = Note(textFormat=Qt.TextFormat.PlainText)
        self.name = QLineEdit(toolTip="Name of the model in this study", textChanged=self._foretell)
        self.preview = Note(textFormat=Qt.TextFormat.PlainText)
        self.buttons, self.unpack_button = ok_cancel(self, "Unpack")
        form = QFormLayout()
        form.addRow(self.card)
        form.addRow("Name here", self.name)
        stack(self, form, self.preview, margins=True)
        self.layout().addStretch(1)
        self.layout().addWidget(self.buttons)
        self.unpack_button.setEnabled(False)
        self.card.setText("Reading …")
        self._reading.ask(partial(_read_card, file))

    def accept(self) -> None:
        """Check the model and copy it; the dialog closes once it is there."""
        work = partial(_unpack, self._study, self._file, self.name.text().strip())
        self.background.start(Job(f"unpacking of {self._file.name}", work))
        self.unpack_button.setEnabled(False)
        self.preview.setText("Checking every weight …")

    def _show(self, card: "ModelCard | McwssError") -> None:
        if isinstance(card, McwssError):
            self.card.setText(str(card))
        else:
            figures = f"; figures of {', '.join(card.figures)}" if card.figures else ""
            self.card.setText(
                f"{card.name}, preset {card.preset}\n"
                f"Classes: {', '.join(card.classes)}\nChannels: {', '.join(card.channels)}\n"
                f"Trained on {counted(card.training_scans, 'scan')}, "
                f"{counted(card.epochs, 'epoch')}\n"
                f"Data: {card.data}; licence: {card.licence}{figures}"
            )
            self.name.setText(card.name)
        self.read.emit()

    def _foretell(self, *_: object) -> None:
        name = self.name.text().strip()
        taken = name in self._study.model_names()
        self.unpack_button.setEnabled(bool(name) and not taken)
        self.preview.setText(
            f"The study has a model {name} already: give this one another name."
            if taken
            else f"To models/{name} in {self._study.folder}: config.json and {WEIGHTS}, "
            f"{bytes_text(self._file.stat().st_size)}. Nothing in the file is run."
        )

    def _end(self, outcome: JobOutcome) -> None:
        if outcome.error is None and not outcome.cancelled:
            super().accept()
            self.unpacked.emit(outcome.value)
        else:
            self._foretell()
            self.preview.setText(str(outcome.error or "Cancelled."))


def _pack(
    study: "Study", model: str, out: Path, data: str, licence: str, figures: Path | None
) -> Generator[None, None, Path]:
    yield
    from napari_mcwss.study.model_sharing import pack_model

    pack_model(study, model, out, data=data, licence=licence, figures=figures)
    return out


def _read_card(file: Path) -> "ModelCard | McwssError":
    from napari_mcwss.study.model_sharing import read_card

    try:
        return read_card(file)
    except McwssError as error:
        return error


def _unpack(study: "Study", file: Path, name: str) -> Generator[None, None, str]:
    yield
    from napari_mcwss.study.model_sharing import unpack_model

    return unpack_model(study, file, name).name
