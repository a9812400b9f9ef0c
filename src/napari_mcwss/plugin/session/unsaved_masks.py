"""Asks before a window with an unsaved corrected mask is closed."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_mcwss.base.text import names_text
from napari_mcwss.plugin.session.close_guard import Closing

if TYPE_CHECKING:
    from napari_mcwss.plugin.session.session import Session

_Role = QMessageBox.ButtonRole


class UnsavedMasks(Closing):
    """Saves corrected masks when a window is closed, and asks if that fails.

    Parameters
    ----------
    window : QWidget
        The window of the viewer.
    session : Session
        Of the viewer.
    """

    def __init__(self, window: QWidget, session: "Session") -> None:
        super().__init__(window)
        self._session = session

    @classmethod
    def guard(cls, window: QWidget, session: "Session") -> None:
        """Watch a window, which outlives its docks; only the first call for a window counts."""
        if window.findChild(cls, options=Qt.FindChildOption.FindDirectChildrenOnly) is None:
            cls(window, session)

    def may_close(self, window: QWidget) -> bool:
        """Save, and ask as long as that fails."""
        correcting = self._session.correcting
        correcting.look()
        saving = correcting.saving
        while True:
            saving.finish()
            if not saving.waiting:
                return True
            box = QMessageBox(window)
            box.setIcon(QMessageBox.Icon.Warning)
            box.setWindowTitle("A corrected mask is not saved")
            box.setTextFormat(Qt.TextFormat.PlainText)
            scans = names_text([self._session.order.label(scan) for scan in saving.waiting])
            problem = self._session.order.hide(saving.problem)
            box.setText(
                f"The corrected mask of {scans} is not saved: {problem}. File > Save Selected "
                "Layers writes it to another place."
            )
            again = box.addButton("Try again", _Role.AcceptRole)
            anyway = box.addButton("Close anyway", _Role.DestructiveRole)
            box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))
            box.setDefaultButton(again)
            box.exec()
            clicked = box.clickedButton()
            box.deleteLater()
            if clicked is not again:
                return clicked is anyway
