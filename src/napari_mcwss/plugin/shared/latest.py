"""Work in the background of which only the last request counts."""

from collections.abc import Callable, Generator
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome


class Latest(QObject):  # type: ignore[misc]
    """Runs the last request in the background; requests before it are dropped.

    `title` is the name of the work, such as "making of the mask". `answered` tells in the main
    thread what the last request has returned, `failed` that it failed and the user has been told.
    """

    answered = Signal(object)
    failed = Signal()

    def __init__(self, parent: QObject, title: str) -> None:
        super().__init__(parent)
        self._title = title
        self._asked: Callable[[], Any] | None = None
        self._current: Callable[[], Any] | None = None
        self._background = Background(self)
        self._background.ended.connect(self._ended)

    @property
    def waiting(self) -> bool:
        """Whether the last request is not answered yet."""
        return self._asked is not None

    def ask(self, work: Callable[[], Any]) -> None:
        """Run work in another thread, in place of earlier requests."""
        self._asked = work
        if not self._background.running:
            self._start()

    def forget(self) -> None:
        """Drop the request."""
        self._asked = None

    def _start(self) -> None:
        self._current = self._asked
        self._background.start(Job(self._title, self._events))

    def _events(self) -> Generator[None, None, Any]:
        # napari keeps workers and their jobs until the window closes. The work is read from here,
        # so that no job keeps the data it refers to.
        yield
        return None if self._current is None else self._current()

    def _ended(self, outcome: JobOutcome) -> None:
        done, self._current = self._current, None
        if self._asked is done:
            self._asked = None
            if outcome.error is None and not outcome.cancelled:
                self.answered.emit(outcome.value)
            else:
                self.failed.emit()
        elif self._asked is not None:
            self._start()
