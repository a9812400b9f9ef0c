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
        question = f"{box.text()} {box.informativeText()}".strip()
        answer = self._answers[0]
        if callable(answer):
            self.questions.append(question)
            self._answers.pop(0)()
            return
        button = next(button for button in box.buttons() if answer in button.text())
        self._qtbot.mouseClick(button, LEFT)
        # Before it is laid out, a click can miss: then it clicks again.
        if not box.isVisible():
            self.questions.append(question)
            self._answers.pop(0)

    @property
    def satisfied(self) -> bool:
        return not self._answers
