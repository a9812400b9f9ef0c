"""Widgets side by side in one row."""

from qtpy.QtWidgets import QHBoxLayout, QWidget


def row(*widgets: QWidget) -> QWidget:
    """Put widgets side by side, equally wide."""
    beside = QWidget()
    layout = QHBoxLayout(beside)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, 1)
    return beside


def side_by_side(*widgets: QWidget) -> QWidget:
    """Put widgets side by side; the first takes what room is left."""
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 0 if index else 1)
    return line
