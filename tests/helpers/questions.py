"""A user who answers questions."""

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

LEFT = Qt.MouseButton.LeftButton


class User(QObject):
    """Answers one question after the other, by clicks on the buttons with these words."""

    def __init__(self, qtbot, *answers: str | Callable[[], object]) -> None:
        super().__init__()
        self.questions: list[str] = []
        self._qtbot = qtbot
        self._answers = list(answers)
        self._timer = QTimer(self, interval=50)
        self._timer.timeout.connect(self._answer)
        self._timer.start()

    def _answer(self) -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox) or not box.isVisible() or not self._answers:
            return
        self.questions.append(f"{box.text()} {box.informativeText()}".strip())
        answer = self._answers.pop(0)
        if callable(answer):
            answer()
            return
        button = next(button for button in box.buttons() if answer in button.text())
        self._qtbot.mouseClick(button, LEFT)

    @property
    def satisfied(self) -> bool:
        return not self._answers
