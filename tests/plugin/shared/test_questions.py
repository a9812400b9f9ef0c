"""Questions, after which the window has the keyboard again."""

import pytest
from helpers.questions import User
from qtpy.QtWidgets import QApplication, QMessageBox, QWidget

from napari_mcwss.plugin.shared.questions import agreed

pytestmark = pytest.mark.gui


class Window(QWidget):
    """A window that notes when it asks for the keyboard."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bool] = []

    def activateWindow(self) -> None:  # noqa: N802 - Qt's name
        boxes = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox)]
        self.asked.append(not any(box.isVisible() for box in boxes))
        super().activateWindow()


@pytest.mark.parametrize(("answer", "agrees"), [("Undo", True), ("Keep", False)])
def test_the_window_asks_for_the_keyboard_once_the_question_is_gone(qtbot, answer, agrees):
    window = Window()
    qtbot.addWidget(window)
    window.show()
    user = User(qtbot, answer)
    assert agreed(window, "Undo", "Undo it?", "Undo") is agrees
    assert user.satisfied
    assert window.asked == [True]
