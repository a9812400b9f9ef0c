"""What of a window lies over something else, is cut off, or cannot be reached."""

from collections.abc import Iterator
from itertools import combinations

from pyqtgraph import GraphicsView
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QStyle,
    QStyleOptionComboBox,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_mcwss.plugin.tagging.strip.widget import TagStrip

SIMPLE = (
    *(QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QProgressBar),
    *(QLabeledDoubleSlider, GraphicsView, TagStrip),
)
"""Widgets of which the parts are not looked at."""


def is_simple(widget: QWidget) -> bool:
    area = isinstance(widget, QAbstractScrollArea) and not isinstance(widget, QScrollArea)
    return area or isinstance(widget, SIMPLE)


def children(widget: QWidget) -> list[QWidget]:
    """Return the visible widgets that a layout, or a scroll area, has put into another one."""
    inside = [widget.widget()] if isinstance(widget, QScrollArea) else widget.children()
    seen = [child for child in inside if isinstance(child, QWidget) and child.isVisible()]
    return [child for child in seen if not isinstance(child, QLabel) or child.text()]


def simple_widgets(widget: QWidget) -> Iterator[QWidget]:
    for child in children(widget):
        if is_simple(child):
            yield child
        else:
            yield from simple_widgets(child)


def overlaps(widget: QWidget) -> Iterator[str]:
    """Yield pairs of widgets that lie over each other, or beyond the one around them."""
    inside = children(widget)
    for one, other in combinations(inside, 2):
        if one.geometry().intersects(other.geometry()):
            yield f"{words(one)} over {words(other)}"
    for child in inside:
        if not (isinstance(widget, QScrollArea) or widget.rect().contains(child.geometry())):
            yield f"{words(child)} beyond {words(widget)}"
        if not is_simple(child):
            yield from overlaps(child)


def cut_off(widget: QWidget) -> Iterator[str]:
    """Yield widgets that are too small for their text."""
    for one in simple_widgets(widget):
        room, needed = _room(one)
        if room < needed:
            yield f"{words(one)}: {room} of {needed} pixels"


def _room(widget: QWidget) -> tuple[int, int]:
    """Return the pixels for the text of a widget, and those that it needs."""
    of = widget.fontMetrics().horizontalAdvance
    if isinstance(widget, QLabel) and widget.wordWrap():
        return widget.height(), widget.heightForWidth(widget.width())
    if isinstance(widget, QLabel | QAbstractButton):
        return widget.width(), min(widget.sizeHint().width(), widget.minimumSizeHint().width())
    if isinstance(widget, QAbstractSpinBox):
        return widget.findChild(QLineEdit).width(), of(widget.text())
    if isinstance(widget, QComboBox):
        option = QStyleOptionComboBox()
        widget.initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        control = QStyle.ComplexControl.CC_ComboBox
        rect = widget.style().subControlRect(control, option, field, widget)
        return rect.width(), of(widget.currentText())
    if isinstance(widget, QLineEdit):
        return widget.width(), of(widget.placeholderText())
    return 0, 0


def out_of_reach(widget: QWidget) -> Iterator[str]:
    """Yield widgets of which a part cannot be scrolled into sight."""
    for one in simple_widgets(widget):
        area = one.parent()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parent()
        if area is not None:
            area.verticalScrollBar().setValue(one.mapTo(area.widget(), QPoint()).y())
            QApplication.processEvents()
        # Opaque children hide what they cover.
        shown = one.viewport() if isinstance(one, QAbstractScrollArea) else one
        seen, whole = shown.visibleRegion().boundingRect(), shown.rect()
        if seen.width() < whole.width() or seen.height() < min(whole.height(), 60):
            parts = (f"{rect.width()} x {rect.height()}" for rect in (seen, whole))
            yield f"{words(one)}: {' of '.join(parts)}"


def in_sight(widget: QWidget) -> bool:
    """Return whether the whole widget can be seen."""
    return bool(widget.visibleRegion().boundingRect() == widget.rect())


def words(widget: QWidget) -> str:
    text = getattr(widget, "text", lambda: "")
    return f"{type(widget).__name__} {text() if callable(text) else text!r}".strip()
