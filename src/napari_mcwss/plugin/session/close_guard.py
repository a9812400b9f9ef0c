"""Guards that watch a window: they may keep it open, and act once it has closed."""

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari_mcwss.plugin.session.session import Session


class Closing(QObject):  # type: ignore[misc]
    """Watches a window until its parent, or the window if none is given, is destroyed."""

    def __init__(self, window: QWidget, parent: QObject | None = None) -> None:
        super().__init__(parent or window)
        self._closing = False
        window.installEventFilter(self)

    def may_close(self, window: QWidget) -> bool:  # noqa: ARG002 - used in subclasses
        """Return whether the window may close, after asking the user if needed."""
        return True

    def closed(self) -> None:
        """Act once the window has closed, before its docks are destroyed."""

    def shown(self) -> None:
        """Act when the window is shown again."""

    def eventFilter(self, window: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Keep the window open unless `may_close` allows to close it."""
        if event.type() == QEvent.Type.Close:
            self._closing = self.may_close(window)
            if not self._closing:
                event.ignore()
                return True
        elif event.type() == QEvent.Type.Hide and self._closing and not event.spontaneous():
            # napari has not refused either. Spontaneous: the system hides a minimised window.
            self.closed()
        elif event.type() == QEvent.Type.Show:
            self._closing = False
            self.shown()
        return False


class SessionGuard(Closing):
    """Watches the window of a session, which outlives its docks."""

    def __init__(self, window: QWidget, session: "Session") -> None:
        super().__init__(window)
        self._session = session

    @classmethod
    def guard(cls, window: QWidget, session: "Session") -> None:
        """Watch a window; only the first call for a window counts."""
        if window.findChild(cls, options=Qt.FindChildOption.FindDirectChildrenOnly) is None:
            cls(window, session)
