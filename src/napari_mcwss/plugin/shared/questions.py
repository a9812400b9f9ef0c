"""Questions before something that cannot be undone, or that is not on screen."""

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QMessageBox, QWidget


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
    return answer(box, parent.window()) is button


def choose(parent: QWidget, title: str, text: str, choices: Sequence[str]) -> str | None:
    """Ask which of several things to do; None if the user cancels, which is the default."""
    box = QMessageBox(
        QMessageBox.Icon.Question, title, text, parent=parent, textFormat=Qt.TextFormat.PlainText
    )
    roles = QMessageBox.ButtonRole
    buttons = {box.addButton(choice, roles.AcceptRole): choice for choice in choices}
    cancel = box.addButton("Cancel", roles.RejectRole)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    clicked = answer(box, parent.window())
    return next((choice for button, choice in buttons.items() if button is clicked), None)


def answer(box: QMessageBox, window: QWidget) -> QAbstractButton | None:
    """Ask, and return the button that was clicked; the window has the keyboard again."""
    box.exec()
    clicked = box.clickedButton()
    box.deleteLater()
    give_keyboard_back(window)
    return clicked


def give_keyboard_back(window: QWidget) -> None:
    """Have the keys go to a window whose dialog is closed: some window managers do not."""
    window.activateWindow()
