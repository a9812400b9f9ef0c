"""Work beside the screen of which only what was asked for last counts."""

from collections.abc import Callable, Generator
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome


class Latest(QObject):  # type: ignore[misc]
    """Runs what was asked for last; what was asked for before is dropped.

    Parameters
    ----------
    parent : QWidget
        Its end ends the work.
    title : str
        Names the work, such as "making of the mask".

    Attributes
    ----------
    answered : Signal
        What the work that was asked for last has returned, in the main thread.
        Work that failed gives nothing; the user has been told.
    """

    answered = Signal(object)

    def __init__(self, parent: QObject, title: str) -> None:
        super().__init__(parent)
        self._title = title
        self._asked: Callable[[], Any] | None = None
        self._current: Callable[[], Any] | None = None
        self._background = Background(self)
        self._background.ended.connect(self._ended)

    def ask(self, work: Callable[[], Any]) -> None:
        """Have work done, in another thread, in place of what was asked for before."""
        self._asked = work
        if not self._background.running:
            self._start()

    def forget(self) -> None:
        """Want no answer any more."""
        self._asked = None

    def _start(self) -> None:
        self._current = self._asked
        self._background.start(Job(self._title, self._events, lambda _: False))

    def _events(self) -> Generator[None, None, Any]:
        # napari keeps workers, and with them their jobs, as long as the window:
        # the work is found here, so that no job keeps what the work refers to.
        yield
        return None if self._current is None else self._current()

    def _ended(self, outcome: JobOutcome) -> None:
        done, self._current = self._current, None
        if self._asked is done:
            self._asked = None
            if outcome.error is None and not outcome.cancelled:
                self.answered.emit(outcome.value)
        elif self._asked is not None:
            self._start()
