"""Keys that are ours only while tagging is switched on."""

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget


class NumberKeys(QObject):  # type: ignore[misc]
    """The keys 1 to 9, wherever the focus is in the window.

    napari gives digits to the active layer, so these are shortcuts of the
    whole application; switched off, they give the keys back. A text field
    that has the focus gets its digits all the same.

    Parameters
    ----------
    owner : QWidget
        The widget that they belong to.
    pressed : callable
        Is called with the number.

    Attributes
    ----------
    enabled : bool
        Whether the keys are ours now.
    """

    def __init__(self, owner: QWidget, pressed: Callable[[int], None]) -> None:
        super().__init__(owner)
        self._shortcuts = []
        for number in range(1, 10):
            shortcut = QShortcut(QKeySequence(str(number)), owner)
            shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(partial(pressed, number))
            self._shortcuts.append(shortcut)
        self.set_enabled(False)

    def set_enabled(self, enabled: bool) -> None:
        """Take the keys, or give them back."""
        self.enabled = enabled
        for shortcut in self._shortcuts:
            shortcut.setEnabled(enabled)
