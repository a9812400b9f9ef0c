"""Asks what to do with a training in a process of its own when its window is closed."""

from contextlib import suppress

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.close_guard import Closing
from napari_mcwss.plugin.shared.process_runner import ProcessRunner
from napari_mcwss.plugin.shared.questions import answer

_Role = QMessageBox.ButtonRole


class LeftRunning(Closing):
    """Asks about the process of a runner before a window is closed."""

    def __init__(self, window: QWidget, runner: ProcessRunner) -> None:
        super().__init__(window, runner)
        self._runner = runner
        self._stop = False

    def may_close(self, window: QWidget) -> bool:
        """Ask whether to leave the training running, to stop it, or to keep the window open."""
        self._stop = False
        runner = self._runner
        if not runner.running or runner.cancelling:
            return True
        box = QMessageBox(window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("A training is still running")
        box.setTextFormat(Qt.TextFormat.PlainText)
        paused = ", paused" if runner.paused else ""
        box.setText(
            f"The {runner.title} runs in a separate process{paused}. If you leave it running, you "
            "see it again when you open the study. If you stop it, what it has learned so far is "
            "kept."
        )
        leave_button = box.addButton("Leave it running", _Role.AcceptRole)
        stop_button = box.addButton("Stop it", _Role.DestructiveRole)
        box.setDefaultButton(leave_button)
        box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))

        def end() -> None:
            box.done(0)

        runner.ended.connect(end)
        try:
            clicked = answer(box, window)
            self._stop = clicked is stop_button
            return self._stop or clicked is leave_button or not runner.running
        finally:
            runner.ended.disconnect(end)

    def closed(self) -> None:
        """Stop the training or leave it running, without waiting for it."""
        if self._stop:
            # Without a window there is no place to show an error.
            with suppress(McwssError):
                self._runner.cancel()
        self._runner.leave()
