"""What the dialogs that make or extend a study have in common."""

from collections.abc import Callable, Generator

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.study.study import Study


class StudyDialog(QDialog):  # type: ignore[misc]
    """A dialog whose study is made beside the screen, before it closes.

    Parameters
    ----------
    parent : QWidget
        The dock.
    title : str
        Of the dialog.
    verb : str
        What its button says.

    Attributes
    ----------
    study : Study or None
        The study that was made or added to, once accepted.
    reason : QLabel
        Says what is missing, what goes on, or why it cannot be.
    ok_button : QPushButton
        Makes the study.
    """

    def __init__(self, parent: QWidget, title: str, verb: str) -> None:
        super().__init__(parent)
        self.study: Study | None = None
        self.setWindowTitle(title)
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.ok_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok_button.setText(verb)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._making = Background(self)
        self._making.ended.connect(self._made)

    def reject(self) -> None:
        """Close without a study; a study that is being made is waited for."""
        if not self._making.running:
            super().reject()

    def make(self, what: str, making: Callable[[], Study]) -> None:
        """Make the study in the background, then accept; stay open and say so if that cannot be.

        Parameters
        ----------
        what : str
            Is going on, such as ``reading of headers``.
        making : callable
            Makes the study, or raises McwssError; it runs in another thread.
        """
        if self._making.running:
            return
        self.buttons.setEnabled(False)
        self.reason.setText(f"{what.capitalize()} …")
        self._making.start(Job(what, _maker(making), lambda _: False))

    def _made(self, outcome: JobOutcome) -> None:
        self.buttons.setEnabled(True)
        if isinstance(outcome.value, Study):
            self.study = outcome.value
            super().accept()
        else:
            self.reason.setText(str(outcome.value or outcome.error or "It was stopped."))


def _maker(
    making: Callable[[], Study],
) -> Callable[[], Generator[None, None, Study | McwssError]]:
    def events() -> Generator[None, None, Study | McwssError]:
        yield
        try:
            return making()
        except McwssError as error:
            # The dialog says it; a notification would lie behind it.
            return error

    return events
