"""Arrangements of widgets that several docks and dialogs use."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDockWidget,
    QHBoxLayout,
    QLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)


def row(*widgets: QWidget) -> QWidget:
    """Put widgets side by side, equally wide."""
    line = side_by_side(*widgets)
    for index in range(len(widgets)):
        line.layout().setStretch(index, 1)
    return line


def side_by_side(*widgets: QWidget) -> QWidget:
    """Put widgets side by side; the first is as wide as possible."""
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 0 if index else 1)
    return line


def stack(parent: QWidget, *items: QWidget | QLayout, margins: bool = False) -> None:
    """Fill a widget with others, or with layouts, one below the other."""
    layout = QVBoxLayout(parent)
    if not margins:
        layout.setContentsMargins(0, 0, 0, 0)
    for item in items:
        (layout.addLayout if isinstance(item, QLayout) else layout.addWidget)(item)


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock around a widget, if there is one."""
    place: QWidget | None = widget.parentWidget()
    while place is not None and not isinstance(place, QDockWidget):
        place = place.parentWidget()
    return place


def main_window_of(widget: QWidget) -> QWidget:
    """Return the main window to which a widget belongs, also in a dock that floats."""
    dock = dock_of(widget)
    return widget.window() if dock is None else dock.parentWidget()


def open_dialog(dialog: QDialog) -> None:
    """Show a dialog without blocking the window, and delete it once it is closed."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


def ok_cancel(dialog: QDialog, verb: str) -> tuple[QDialogButtonBox, QPushButton]:
    """Make the buttons that accept and reject a dialog; the second item is the one to accept."""
    ok, cancel = QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel
    buttons = QDialogButtonBox(ok | cancel, accepted=dialog.accept, rejected=dialog.reject)
    buttons.button(ok).setText(verb)
    return buttons, buttons.button(ok)
