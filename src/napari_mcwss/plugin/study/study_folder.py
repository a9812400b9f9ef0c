"""The field of a dialog for the folder of a new study."""

from contextlib import suppress
from pathlib import Path

from qtpy.QtCore import QStandardPaths
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton

from napari_mcwss.study.layout import STUDY_FILE


class StudyFolder(QLineEdit):  # type: ignore[misc]
    """Proposes a folder that does not exist, until the user enters one; creates none."""

    def __init__(self) -> None:
        super().__init__(placeholderText="a new folder for tags, models and results")
        self.choose_button = QPushButton("Choose …", clicked=self._choose)
        self._name = "study"
        self._proposed = ""

    def propose(self, name: str) -> None:
        """Propose a folder named after the scans, among the user's documents.

        The folder of the scans itself is often shared or read-only.
        """
        self._name = f"{name}-study" if name else "study"
        if self.text() == self._proposed:
            self._proposed = str(_free(own_folder() / self._name))
            self.setText(self._proposed)

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Folder for the study", str(Path(self.text()).parent)
        )
        if chosen:
            # A study does not mix its files with others.
            folder = Path(chosen)
            self.setText(str(_free(folder / self._name) if _has_other_files(folder) else folder))


def own_folder() -> Path:
    """Return the user's folder of documents; the home folder if there is none."""
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents) if documents and Path(documents).is_dir() else Path.home()


def _free(folder: Path) -> Path:
    """Return the folder, or the first of ``folder-2``, ``folder-3`` ... that does not exist."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def _has_other_files(folder: Path) -> bool:
    with suppress(OSError):
        return not (folder / STUDY_FILE).exists() and any(folder.iterdir())
    return False
