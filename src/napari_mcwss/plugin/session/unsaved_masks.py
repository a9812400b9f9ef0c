"""Asks before a window with an unsaved corrected mask is closed."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_mcwss.base.text import names_text
from napari_mcwss.plugin.session.close_guard import SessionGuard
from napari_mcwss.plugin.shared.questions import answer

_Role = QMessageBox.ButtonRole


class UnsavedMasks(SessionGuard):
    """Saves corrected masks when a window is closed, and asks if that fails."""

    def may_close(self, window: QWidget) -> bool:
        """Save, and ask as long as that fails."""
        correcting = self._session.correcting
        correcting.save_painted()
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
            clicked = answer(box, window)
            if clicked is not again:
                return clicked is anyway
