"""Undo and redo of tagging, and of painting between."""

from collections.abc import Callable, Generator
from functools import partial

from napari.layers import Labels
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QDialog, QLabel, QProgressBar, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted, names_text
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.questions import agreed
from napari_mcwss.plugin.shared.rows import stack
from napari_mcwss.tags.history import UndoStep
from napari_mcwss.tags.store import TagStore

AT_ONCE = 4
"""Most scans whose tags are written in the main thread; each takes some milliseconds."""


class Undoing(QObject):  # type: ignore[misc]
    """Undo and redo of what was done last: a step of tags, or a stroke in the active layer.

    Before tags of scans that are not on screen are changed, it asks. A step of many scans, as of an
    import, is written in a thread; meanwhile a dialog keeps the user from tagging.

    Attributes
    ----------
    said : Signal
        What was done, in words.
    """

    said = Signal(str)

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent)
        self._session = session
        self._dialog = _Waiting(parent)
        self.background = Background(self)

    def undo(self) -> None:
        """Undo the latest step, or the latest stroke if that came later."""
        if not self._said_stroke(self._session.acts.undo_stroke(), "Undone"):
            self._apply(lambda store: store.to_undo, TagStore.undo, "Undo", "Nothing to undo.")

    def redo(self) -> None:
        """Redo the step or the stroke that was undone last."""
        if not self._said_stroke(self._session.acts.redo_stroke(), "Redone"):
            self._apply(lambda store: store.to_redo, TagStore.redo, "Redo", "Nothing to redo.")

    def _said_stroke(self, layer: Labels | None, done: str) -> bool:
        if layer is not None:
            self.said.emit(f"{done}: a stroke in {layer.name}.")
        return layer is not None

    def _apply(
        self,
        next_step: Callable[[TagStore], UndoStep | None],
        apply: Callable[[TagStore], object],
        verb: str,
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
            elif not self._wanted(step, verb):
                self.said.emit("Nothing was changed.")
            elif len(step.changes) > AT_ONCE:
                self._apply_in_thread(step, partial(apply, study.tags), verb)
            else:
                apply(study.tags)
                self._show(step, verb)
        except McwssError as error:
            show_error(order.hide(str(error)))

    def _wanted(self, step: UndoStep, verb: str) -> bool:
        """Ask if the step changes tags that are not on screen."""
        if step.changes.keys() <= {self._session.scan}:
            return True
        others = "another scan" if len(step.changes) == 1 else "scans that are not on screen"
        text = f"The step to {verb.lower()} changed {self._text(step)}. {verb} it?"
        return agreed(self.parent(), f"{verb} tags of {others}", text, verb)

    def _text(self, step: UndoStep) -> str:
        tags = counted(sum(map(len, step.changes.values())), "tag")
        return f"{tags} of {names_text([self._session.order.label(scan) for scan in step.changes])}"

    def _apply_in_thread(self, step: UndoStep, apply: Callable[[], object], verb: str) -> None:
        def end(outcome: JobOutcome) -> None:
            self.background.ended.disconnect(end)
            self._dialog.accept()
            if outcome.error is None:
                self._show(step, verb)
            else:
                # Some of the scans may be written.
                self._session.reload_tags(step.changes)

        events = partial(_apply, apply, self._session.order)
        self.background.start(Job("writing of tags", events))
        self.background.ended.connect(end)
        self._dialog.say(f"Writing the tags of {len(step.changes)} scans …")

    def _show(self, step: UndoStep, verb: str) -> None:
        self._session.show_step(step)
        self.said.emit(f"{verb}ne: {self._text(step)}.")


class _Waiting(QDialog):  # type: ignore[misc]
    """A dialog without a button, which keeps the user from tagging until it is accepted."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Tags")
        self._text = QLabel()
        stack(self, self._text, QProgressBar(minimum=0, maximum=0), margins=True)

    def say(self, text: str) -> None:
        """Open with a text."""
        self._text.setText(text)
        self.open()

    def reject(self) -> None:
        """Stay open."""


def _apply(apply: Callable[[], object], order: ScanOrder) -> Generator[None, None, None]:
    yield
    try:
        apply()
    except McwssError as error:
        raise McwssError(order.hide(str(error))) from error
