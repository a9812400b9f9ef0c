"""Keys that act only while tagging is switched on."""

from collections.abc import Callable, Mapping

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QPlainTextEdit,
    QShortcut,
    QTextEdit,
    QWidget,
)

TEXT_FIELDS = (QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox)


class TagKeys(QObject):  # type: ignore[misc]
    """Keys that act wherever the focus is in the application, except in a text field.

    napari gives digits to the active layer. Shortcuts of the whole application come before that;
    while they are disabled, napari has its keys back.

    Parameters
    ----------
    owner : QWidget
        The widget that the shortcuts belong to.
    actions : mapping
        Name of an action in the table of keys, to its function.
    keys : mapping
        Name of an action to its key, as portable text of Qt.

    Attributes
    ----------
    enabled : bool
        Whether the keys act outside text fields.
    """

    def __init__(
        self, owner: QWidget, actions: Mapping[str, Callable[[], object]], keys: Mapping[str, str]
    ) -> None:
        super().__init__(owner)
        self.enabled = False
        self._owner = owner
        self._actions = actions
        self._shortcuts: list[QShortcut] = []
        self.set_keys(keys)
        QApplication.instance().focusChanged.connect(self._update)

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """Replace the keys of the actions."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []
        for name, act in self._actions.items():
            key = keys[name]
            # Qt gives the Enter key of the number pad another name.
            for spelling in {key, key.replace("Return", "Enter")}:
                shortcut = QShortcut(QKeySequence(spelling), self._owner)
                shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
                shortcut.setAutoRepeat(name in ("previous_slice", "next_slice"))
                # If napari uses the key as well, Qt calls it ambiguous.
                for signal in (shortcut.activated, shortcut.activatedAmbiguously):
                    signal.connect(lambda act=act: act())
                self._shortcuts.append(shortcut)
        self._update()

    def set_enabled(self, enabled: bool) -> None:
        """Switch the keys on or off."""
        self.enabled = enabled
        self._update()

    def _update(self, *_: object) -> None:
        enabled = self.enabled and not isinstance(QApplication.focusWidget(), TEXT_FIELDS)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(enabled)
