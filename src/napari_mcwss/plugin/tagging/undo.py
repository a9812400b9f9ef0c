"""Taking steps of tagging back, and doing them again."""

from collections.abc import Callable, Generator
from functools import partial

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QDialog, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted, names_text
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.tags.history import UndoStep
from napari_mcwss.tags.store import TagStore

AT_ONCE = 4
"""Scans whose tags are written while the screen waits: a disk takes some milliseconds for each."""


class Undoing(QObject):  # type: ignore[misc]
    """Undo and redo, of whichever scan.

    A step of many scans, as of an import, is written beside the screen; meanwhile a dialog keeps
    its user from tagging.

    Parameters
    ----------
    parent : QWidget
        The dialog belongs to its window.
    session : Session
        With the tags.

    Attributes
    ----------
    said : Signal
        What was done, in words.
    background : Background
        Writes steps of many scans.
    """

    said = Signal(str)

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent)
        self._session = session
        self._dialog = _Waiting(parent)
        self.background = Background(self)

    def undo(self) -> None:
        """Take the latest step back."""
        self._turn(lambda book: book.to_undo, TagStore.undo, "Undone", "Nothing to undo.")

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._turn(lambda book: book.to_redo, TagStore.redo, "Done again", "Nothing to redo.")

    def _turn(
        self,
        next_step: Callable[[TagStore], UndoStep | None],
        turn: Callable[[TagStore], object],
        done: str,
        nothing: str,
    ) -> None:
        study, order = self._session.study, self._session.order
        if study is None or self._session.read_only:
            self.said.emit(nothing)
            return
        try:
            if self._session.saving.waiting:
                raise McwssError("some tags are not saved yet: undo and redo once they are")
            step = next_step(study.tags)
            if step is None:
                self.said.emit(nothing)
            elif len(step.changes) > AT_ONCE:
                self._turn_beside(step, partial(turn, study.tags), done)
            else:
                turn(study.tags)
                self._show(step, done)
        except McwssError as error:
            show_error(order.hide(str(error)))

    def _turn_beside(self, step: UndoStep, turn: Callable[[], object], done: str) -> None:
        def end(outcome: JobOutcome) -> None:
            self.background.ended.disconnect(end)
            self._dialog.accept()
            if outcome.error is None:
                self._show(step, done)
            else:
                # Of some scans it may be written.
                self._session.take_over(step.changes)

        events = _turning(turn, self._session.order)
        self.background.start(Job("writing of tags", events, lambda _: False))
        self.background.ended.connect(end)
        self._dialog.say(f"Writing the tags of {len(step.changes)} scans …")

    def _show(self, step: UndoStep, done: str) -> None:
        self._session.show_turned(step)
        tags = counted(sum(map(len, step.changes.values())), "tag")
        scans = names_text([self._session.order.label(scan) for scan in step.changes])
        self.said.emit(f"{done}: {tags} of {scans}.")


class _Waiting(QDialog):  # type: ignore[misc]
    """Keeps the user from tagging until it is closed; nothing that the user does closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Tags")
        self._text = QLabel()
        busy = QProgressBar()
        busy.setRange(0, 0)
        layout = QVBoxLayout(self)
        layout.addWidget(self._text)
        layout.addWidget(busy)

    def say(self, text: str) -> None:
        """Open with a text."""
        self._text.setText(text)
        self.open()

    def reject(self) -> None:
        """Stay."""


def _turning(
    turn: Callable[[], object], order: ScanOrder
) -> Callable[[], Generator[None, None, None]]:
    def events() -> Generator[None, None, None]:
        yield
        try:
            turn()
        except McwssError as error:
            raise McwssError(order.hide(str(error))) from error

    return events
