"""Docks that are taller than a small screen."""

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget


class _Upright(QScrollArea):  # type: ignore[misc]
    """An area that scrolls up and down, and is always as wide as what is inside."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        hint: QSize = super().minimumSizeHint()
        bar = self.verticalScrollBar().sizeHint().width()
        hint.setWidth(self.widget().minimumSizeHint().width() + bar)
        return hint


def scroll(widget: QWidget, inside: QWidget) -> None:
    """Fill a widget with another one, of which what does not fit is scrolled to."""
    area = _Upright()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(area)
