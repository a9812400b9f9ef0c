"""The base of the docks: those of one window are tabs of one place."""

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_mcwss.plugin.shared.rows import dock_of


class Dock(QWidget):  # type: ignore[misc]
    """A widget for a dock, which joins the docks of its kind as a tab when it is first shown.

    napari puts a dock that is opened from its menu below those that are there, so that several of
    them need more height than a screen has.
    """

    def __init__(self) -> None:
        super().__init__()
        self._placed: QDockWidget | None = None

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Join the other docks; where the user moves the dock later, it stays."""
        super().showEvent(event)
        dock = dock_of(self)
        if dock is not None and dock is not self._placed:
            self._placed = dock
            # napari adds the name of the plugin, which does not fit on a tab.
            dock.setWindowTitle(dock.windowTitle().partition(" (")[0])
            _join(dock)


def _join(dock: QDockWidget) -> None:
    """Make a dock a tab beside another one of ours on the same side, unless it is one already."""
    window = dock.parentWidget()
    if not isinstance(window, QMainWindow) or dock.isFloating():
        return
    others = [found for widget in window.findChildren(Dock) if (found := dock_of(widget))]
    if set(others).intersection(window.tabifiedDockWidgets(dock)):
        return
    side = window.dockWidgetArea(dock)
    for other in others:
        if other is not dock and not other.isFloating() and window.dockWidgetArea(other) == side:
            window.tabifyDockWidget(other, dock)
            dock.show()
            dock.raise_()
            return
