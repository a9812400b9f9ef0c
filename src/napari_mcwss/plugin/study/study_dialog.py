"""The base of the dialogs that make or extend a study."""

from collections.abc import Callable, Generator
from functools import partial

from qtpy.QtWidgets import QDialog, QLabel, QLineEdit, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.rows import ok_cancel
from napari_mcwss.plugin.study.study_folder import StudyFolder
from napari_mcwss.study.study import Study


class StudyDialog(QDialog):  # type: ignore[misc]
    """A dialog that makes a study in another thread, and closes once it is made.

    Attributes
    ----------
    study : Study or None
        The study that was made or added to, once the dialog is accepted.
    reason : QLabel
        Shows what is missing or wrong, or what the dialog is doing.
    """

    def __init__(self, parent: QWidget, title: str, verb: str) -> None:
        super().__init__(parent)
        self.study: Study | None = None
        self.setWindowTitle(title)
        self.channels = QLineEdit()
        self.classes = QLineEdit(placeholderText="what to look for, such as TC, ED")
        self.study_folder = StudyFolder()
        self.reason = QLabel(wordWrap=True)
        self.buttons, self.ok_button = ok_cancel(self, verb)
        self._making = Background(self)
        self._making.ended.connect(self._made)

    def wrongly_separated(self) -> str:
        """Return what to do if semicolons separate names; else nothing."""
        for kind, line in (("channels", self.channels), ("classes", self.classes)):
            if ";" in line.text():
                return f"Separate the {kind} with commas, not semicolons."
        return ""

    def reject(self) -> None:
        """Close, unless a study is being made."""
        if not self._making.running:
            super().reject()

    def make(self, what: str, making: Callable[[], Study]) -> None:
        """Make the study in another thread, then accept; if it fails, show why and stay open.

        Parameters
        ----------
        what : str
            The name of the work, such as "reading of headers".
        making : callable
            Makes the study or raises McwssError.
        """
        if self._making.running:
            return
        self.buttons.setEnabled(False)
        self.reason.setText(f"{what.capitalize()} …")
        self._making.start(Job(what, partial(_make, making)))

    def _made(self, outcome: JobOutcome) -> None:
        self.buttons.setEnabled(True)
        if isinstance(outcome.value, Study):
            self.study = outcome.value
            super().accept()
        else:
            self.reason.setText(str(outcome.value or outcome.error or "It was stopped."))


def _make(making: Callable[[], Study]) -> Generator[None, None, Study | McwssError]:
    yield
    try:
        return making()
    except McwssError as error:
        # The dialog shows it; a notification would lie behind the dialog.
        return error
