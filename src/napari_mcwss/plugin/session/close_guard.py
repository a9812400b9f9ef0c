"""What has to be asked before a window is closed, and done after."""

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget


class Closing(QObject):  # type: ignore[misc]
    """Watches a window being closed.

    Parameters
    ----------
    window : QWidget
        The window of a viewer.
    parent : QObject, optional
        Its end ends the watch; the window's if not given.
    """

    def __init__(self, window: QWidget, parent: QObject | None = None) -> None:
        super().__init__(parent or window)
        self._closing = False
        window.installEventFilter(self)

    def may_close(self, window: QWidget) -> bool:  # noqa: ARG002 - for those who ask
        """Ask the user, if there is something to be asked; tell whether to close."""
        return True

    def closed(self) -> None:
        """Do what there is to do once the window has closed; its docks go next."""

    def shown(self) -> None:
        """Do what there is to do when the window is there again."""

    def eventFilter(self, window: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Stop the closing of the window if the user wants that."""
        if event.type() == QEvent.Type.Close:
            self._closing = self.may_close(window)
            if not self._closing:
                event.ignore()
                return True
        elif event.type() == QEvent.Type.Hide and self._closing and not event.spontaneous():
            # napari has not refused either. The system hides a window that is minimised.
            self.closed()
        elif event.type() == QEvent.Type.Show:
            self._closing = False
            self.shown()
        return False
