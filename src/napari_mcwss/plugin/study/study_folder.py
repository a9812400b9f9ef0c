"""The line of a dialog in which the folder of a new study is named."""

from contextlib import suppress
from pathlib import Path

from qtpy.QtCore import QStandardPaths
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton

from napari_mcwss.study.layout import STUDY_FILE


class StudyFolder(QLineEdit):  # type: ignore[misc]
    """Proposes a folder that is not there yet, until the user names one; makes none.

    Attributes
    ----------
    choose_button : QPushButton
        Lets the user look for a folder.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText("a new folder for tags, models and results")
        self.choose_button = QPushButton("Choose …")
        self.choose_button.clicked.connect(self._choose)
        self._name = "study"
        self._proposed = ""

    def propose(self, name: str) -> None:
        """Propose a folder among the user's own: scans often lie where others look, or read-only.

        Parameters
        ----------
        name : str
            Of what is studied, such as the folder of the scans.
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
            # Between files of others, those of a study get a folder of their own.
            folder = Path(chosen)
            self.setText(str(_free(folder / self._name) if _holds_others(folder) else folder))


def own_folder() -> Path:
    """Give the user's folder of documents, or the home folder where there is none."""
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents) if documents and Path(documents).is_dir() else Path.home()


def _free(folder: Path) -> Path:
    """Give the folder, or the first of ``folder-2``, ``folder-3`` ... that is not there."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def _holds_others(folder: Path) -> bool:
    with suppress(OSError):
        return not (folder / STUDY_FILE).exists() and any(folder.iterdir())
    return False
