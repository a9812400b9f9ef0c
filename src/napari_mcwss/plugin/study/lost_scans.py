"""Scans of the study whose files are missing, and the search for them."""

from collections.abc import Generator
from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_text
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.rows import stack
from napari_mcwss.study.relinking import relink
from napari_mcwss.study.study import Study


class LostScans(QWidget):  # type: ignore[misc]
    """Lists missing scans and asks where they are; hidden while none is missing.

    Parameters
    ----------
    order : ScanOrder
        Names the scans.

    Attributes
    ----------
    found : Signal
        Missing scans were found.
    """

    found = Signal()

    def __init__(self, order: ScanOrder) -> None:
        super().__init__()
        self._order = order
        self._study: Study | None = None
        self.label = QLabel(wordWrap=True)
        self.find_button = QPushButton("Find the scans …", clicked=self._ask_folder)
        self._checking = Latest(self, "look for missing scans")
        self._checking.answered.connect(self._show_missing)
        self._finding = Background(self)
        self._finding.ended.connect(self._found)
        stack(self, self.label, self.find_button)
        self.hide()

    def show_study(self, study: Study | None) -> None:
        """Check in another thread which files of a study are missing."""
        self._study = study
        self.hide()
        if study is None:
            self._checking.forget()
        else:
            self._checking.ask(study.missing_scans)

    def find(self, folder: Path) -> None:
        """Search a folder and its sub-folders for the missing scans, in another thread."""
        if self._study is not None and not self._finding.running:
            self.find_button.setEnabled(False)
            events = partial(_relinked, self._study, folder, self._order)
            self._finding.start(Job("search for scans", events))

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder that the scans are in now")
        if folder:
            self.find(Path(folder))

    def _show_missing(self, scans: tuple[str, ...]) -> None:
        names = names_text([self._order.label(scan) for scan in scans])
        self.label.setText(
            f"Files are missing: {names}. If scans or study were moved, choose where the scans are "
            "now."
        )
        self.setVisible(bool(scans))

    def _found(self, outcome: JobOutcome) -> None:
        self.find_button.setEnabled(True)
        if outcome.value is not None and outcome.value is self._study:
            self.show_study(self._study)
            self.found.emit()


def _relinked(study: Study, folder: Path, order: ScanOrder) -> Generator[None, None, Study]:
    yield
    try:
        relink(study, folder)
    except McwssError as error:
        raise McwssError(order.hide(str(error))) from error
    return study
