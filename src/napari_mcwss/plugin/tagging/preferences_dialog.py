"""The dialog for keys and the reader's name."""

from collections.abc import Mapping
from functools import partial

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QMenuBar,
    QShortcut,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.rows import stack
from napari_mcwss.plugin.tagging.key_table import (
    ACTIONS,
    NUMBERS,
    absent_action,
    checked_keys,
    class_action,
    key_text,
)
from napari_mcwss.plugin.tagging.preferences import Preferences, UserPreferences

_PORTABLE = QKeySequence.SequenceFormat.PortableText
_Button = QDialogButtonBox.StandardButton


class KeyEdit(QKeySequenceEdit):  # type: ignore[misc]
    """Records one key, Shift with a digit included.

    On many keyboards, Shift and a digit write another sign, as Shift+1 writes ``!``. Qt would
    record that sign, which does not look the same as Shift+1. So such signs go to the shortcuts of
    `digits_under_shift` first.
    """

    def __init__(self, key: str) -> None:
        super().__init__(QKeySequence(key, _PORTABLE))
        self.setMaximumSequenceLength(1)

    @property
    def key(self) -> str:
        """The key, as portable text of Qt."""
        return str(self.keySequence().toString(_PORTABLE))

    def event(self, event: QEvent) -> bool:
        """Leave a sign that is written with Shift to shortcuts, if one has it."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            and event.text().isprintable()
            and not event.text().isalnum()
        ):
            event.ignore()
            return False
        return bool(super().event(event))


def digits_under_shift(owner: QWidget) -> None:
    """Record Shift with a digit as such, in the `KeyEdit` of a window that has the focus."""
    for digit in range(10):
        key = QKeySequence(f"Shift+{digit}")

        def take(key: QKeySequence = key) -> None:
            edit = QApplication.focusWidget()
            while edit is not None and not isinstance(edit, KeyEdit):
                edit = edit.parentWidget()
            if edit is not None:
                edit.setKeySequence(key)

        QShortcut(key, owner, activated=take)


def menu_keys() -> dict[str, str]:
    """Return the keys of menus, as portable text of Qt, and the names of their actions.

    A key that a menu and a shortcut both use works only every other time.
    """
    keys: dict[str, str] = {}
    for widget in QApplication.allWidgets():
        for action in widget.actions():
            name = action.text().replace("&", "")
            keys |= {sequence.toString(_PORTABLE): name for sequence in action.shortcuts()}
            if isinstance(widget, QMenuBar):
                keys[QKeySequence.mnemonic(action.text()).toString(_PORTABLE)] = f"{name} menu"
    return keys


class PreferencesDialog(QDialog):  # type: ignore[misc]
    """Asks for keys and the reader's name, and saves them."""

    def __init__(self, parent: QWidget, preferences: UserPreferences) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences of tagging")
        self._preferences = preferences
        self._menu_keys = menu_keys()
        self.reader = QLineEdit(placeholderText="written into the journal beside your tags")
        self.edits = {action.name: KeyEdit(action.key) for action in ACTIONS}
        self.reason = QLabel(wordWrap=True)
        buttons = QDialogButtonBox(
            _Button.Save | _Button.Cancel | _Button.RestoreDefaults,
            accepted=self.accept,
            rejected=self.reject,
        )
        self.save_button = buttons.button(_Button.Save)
        self.defaults_button = buttons.button(_Button.RestoreDefaults)
        self.defaults_button.setText("Defaults")
        # Enter may be recorded as a key; it must not close the dialog.
        for button in buttons.buttons():
            button.setAutoDefault(False)
        self.defaults_button.clicked.connect(partial(self._show, Preferences()))
        form = QFormLayout()
        form.addRow("Reader's name", self.reader)
        keys = QHBoxLayout()
        keys.addWidget(self._keys_of_classes())
        keys.addWidget(self._other_keys(), 1)
        stack(self, form, keys, self.reason, buttons, margins=True)
        digits_under_shift(self)
        self._show(preferences.current)
        for edit in self.edits.values():
            edit.keySequenceChanged.connect(self._check)
        self._check()

    def _keys_of_classes(self) -> QGroupBox:
        box = QGroupBox("Classes")
        grid = QGridLayout(box)
        for column, heading in enumerate(("unknown, present, absent", "absent"), 1):
            grid.addWidget(QLabel(heading), 0, column)
        for number in NUMBERS:
            grid.addWidget(QLabel(f"class {number}"), number, 0)
            for column, action in enumerate((class_action(number), absent_action(number)), 1):
                grid.addWidget(self.edits[action], number, column)
        return box

    def _other_keys(self) -> QGroupBox:
        box = QGroupBox("Everything else")
        form = QFormLayout(box)
        for action in ACTIONS[2 * len(NUMBERS) :]:
            form.addRow(action.does.capitalize(), self.edits[action.name])
        return box

    def _show(self, preferences: Preferences, *_: object) -> None:
        self.reader.setText(preferences.reader)
        for name, key in preferences.keys.items():
            self.edits[name].setKeySequence(QKeySequence(key, _PORTABLE))

    @property
    def _keys(self) -> Mapping[str, str]:
        return {name: edit.key for name, edit in self.edits.items()}

    def _check(self, *_: object) -> None:
        """Show what is wrong with the keys."""
        reason = ""
        try:
            keys = checked_keys(self._keys)
        except McwssError as error:
            reason = str(error)
        else:
            taken = [key for key in keys.values() if key in self._menu_keys]
            if taken:
                reason = (
                    f"{key_text(taken[0])} is the key of “{self._menu_keys[taken[0]]}” in the "
                    "menus: choose another"
                )
        self.reason.setText(reason)
        self.save_button.setEnabled(not reason)

    def accept(self) -> None:
        """Save the preferences and close; if that fails, show why and stay open."""
        try:
            live_maps = self._preferences.current.live_maps
            self._preferences.save(
                Preferences(reader=self.reader.text(), keys=self._keys, live_maps=live_maps)
            )
        except McwssError as error:
            self.reason.setText(str(error))
            return
        super().accept()
