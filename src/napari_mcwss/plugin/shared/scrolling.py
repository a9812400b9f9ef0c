"""Scrolling in docks that are taller than a small screen."""

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLayout,
    QScrollArea,
    QScrollBar,
    QWidget,
)

_TURNED_BY_WHEEL = (QAbstractSlider, QAbstractSpinBox, QComboBox)


class _Upright(QScrollArea):  # type: ignore[misc]
    """A scroll area that is always as wide as the widget inside."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        hint: QSize = super().minimumSizeHint()
        bar = self.verticalScrollBar().sizeHint().width()
        hint.setWidth(self.widget().minimumSizeHint().width() + bar)
        return hint

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def scroll(inside: QWidget) -> QScrollArea:
    """Make a widget scroll up and down in an area that is only a few lines high at least.

    The wheel also scrolls over spin boxes, sliders and lists, unless they have the focus. Widgets
    added later need `leave_wheel`.
    """
    area = _Upright(widgetResizable=True, frameShape=QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    # Or a widget that grew while it was hidden stays too small until the next change.
    inside.layout().setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
    area.setWidget(inside)
    leave_wheel(inside)
    return area


def leave_wheel(widget: QWidget) -> None:
    """Have the wheel change sliders, spin boxes and lists in a widget only in focus."""
    for child in (widget, *widget.findChildren(QWidget)):
        if isinstance(child, _TURNED_BY_WHEEL) and not isinstance(child, QScrollBar):
            if child.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                # Or the wheel itself would give the focus.
                child.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            child.installEventFilter(_WheelFilter(child))


class _WheelFilter(QObject):  # type: ignore[misc]
    """Passes the wheel over a widget without focus to the scroll area around it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        around = watched.parent()
        while around is not None and not isinstance(around, QScrollArea):
            around = around.parent()
        if around is not None:
            QApplication.sendEvent(around.viewport(), event)
        return around is not None
