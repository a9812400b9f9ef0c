"""Questions before something that cannot be undone, or that is not on screen."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget


def agreed(parent: QWidget, title: str, text: str, act: str, *, destroys: bool = False) -> bool:
    """Ask in a dialog whose buttons are an act and Keep, which is the default and Escape.

    `destroys` says that the act cannot be undone.
    """
    box = QMessageBox(
        QMessageBox.Icon.Question, title, text, parent=parent, textFormat=Qt.TextFormat.PlainText
    )
    roles = QMessageBox.ButtonRole
    button = box.addButton(act, roles.DestructiveRole if destroys else roles.AcceptRole)
    keep = box.addButton("Keep", roles.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.exec()
    chosen = box.clickedButton() is button
    box.deleteLater()
    return chosen
