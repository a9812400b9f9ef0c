"""Keys that act only while tagging is switched on."""

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
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
    pressed_in_vain : Signal
        A key was pressed that would act if the keys were enabled; told until they are for the first
        time, and once only.
    """

    pressed_in_vain = Signal()

    def __init__(
        self, owner: QWidget, actions: Mapping[str, Callable[[], object]], keys: Mapping[str, str]
    ) -> None:
        super().__init__(owner)
        self.enabled = False
        self._listens, self._expects = True, False
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
        self._keys = keys
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

    def set_enabled(self, enabled: bool, *, expects: bool = False) -> None:
        """Switch the keys on or off; if off, they may be expected to act."""
        self.enabled, self._expects = enabled, expects and not enabled
        if enabled:
            self._listens = False
        self._update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Notice a key that does nothing; the event goes on."""
        if self._listens and self._expects and event.type() == QEvent.Type.KeyPress:
            # Undo is napari's own key, too.
            names = self._actions.keys() - {"undo", "redo"}
            if _pressed(event) in {self._keys[name] for name in names}:
                self._listens = False
                self.pressed_in_vain.emit()
        return bool(super().eventFilter(watched, event))

    def _update(self, *_: object) -> None:
        widget = QApplication.focusWidget()
        enabled = self.enabled and not isinstance(widget, TEXT_FIELDS)
        if self._listens and widget is not None and not isinstance(widget, TEXT_FIELDS):
            widget.installEventFilter(self)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(enabled)


def _pressed(event: Any) -> str:
    """Return a pressed key as portable text of Qt; empty before Qt 6."""
    if not hasattr(event, "keyCombination"):
        return ""
    keys = QKeySequence(event.keyCombination())
    return str(keys.toString(QKeySequence.SequenceFormat.PortableText)).replace("Num+", "")
