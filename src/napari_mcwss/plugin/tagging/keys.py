"""Keys that are ours only while tagging is switched on."""

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
    """Keys that act wherever the focus is in the window, except in a text field.

    napari gives digits to the active layer, so these are shortcuts of the
    whole application; switched off, they give the keys back.

    Parameters
    ----------
    owner : QWidget
        The widget that they belong to.
    actions : mapping
        Name of an action, as in `napari_mcwss.plugin.tagging.key_table`, to what it does.
    keys : mapping
        Name of an action to its key, as Qt writes it on every system.

    Attributes
    ----------
    enabled : bool
        Whether the keys are ours now, but for text fields.
    """

    def __init__(
        self,
        owner: QWidget,
        actions: Mapping[str, Callable[[], object]],
        keys: Mapping[str, str],
    ) -> None:
        super().__init__(owner)
        self.enabled = False
        self._owner = owner
        self._actions = actions
        self._shortcuts: list[QShortcut] = []
        self.set_keys(keys)
        QApplication.instance().focusChanged.connect(self._take_or_give)

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """Let other keys do what is done by key."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []
        for name, act in self._actions.items():
            key = keys[name]
            # The Enter of the number pad has a name of its own.
            for spelling in {key, key.replace("Return", "Enter")}:
                shortcut = QShortcut(QKeySequence(spelling), self._owner)
                shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
                shortcut.setAutoRepeat(name in ("previous_slice", "next_slice"))
                # Where napari has a key of its own, Qt leaves it undecided whose it is.
                for signal in (shortcut.activated, shortcut.activatedAmbiguously):
                    signal.connect(lambda act=act: act())
                self._shortcuts.append(shortcut)
        self._take_or_give()

    def set_enabled(self, enabled: bool) -> None:
        """Take the keys, or give them back."""
        self.enabled = enabled
        self._take_or_give()

    def _take_or_give(self, *_: object) -> None:
        ours = self.enabled and not isinstance(QApplication.focusWidget(), TEXT_FIELDS)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(ours)
