"""Lines across a canvas, where the planes of other canvases cut its own."""

from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QLineF, QObject, QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

COLOUR = QColor(255, 220, 60, 170)

GAP = 14
"""Pixels around the point that stay free, so that what is looked at is seen."""


class Crosshair(QWidget):  # type: ignore[misc]
    """Marks a viewer's point on the widget that draws the viewer; mouse and keys pass through."""

    def __init__(self, canvas: QWidget, viewer: ViewerModel) -> None:
        super().__init__(canvas)
        self._viewer = viewer
        # Before napari 0.9, the viewer has the camera itself.
        self._camera = getattr(viewer, "scene", viewer).camera
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        dims, camera = viewer.dims.events, self._camera.events
        self._events = (dims.point, dims.order, dims.ndisplay, camera.center, camera.zoom)
        for event in self._events:
            event.connect(self._follow)
        canvas.installEventFilter(self)
        self.resize(canvas.size())
        self.show()

    def end(self) -> None:
        """Disappear."""
        for event in self._events:
            event.disconnect(self._follow)
        self.parentWidget().removeEventFilter(self)
        self.hide()
        self.deleteLater()

    def place(self) -> QPointF | None:
        """Return where the point is on the canvas, in its pixels; None where no slice is shown."""
        dims = self._viewer.dims
        if dims.ndisplay != 2 or dims.ndim < 3 or not self._viewer.layers:
            return None
        offset = [
            dims.point[axis] - middle
            for axis, middle in zip(dims.order[-2:], self._camera.center[-2:], strict=True)
        ]
        vertical, horizontal = self._camera.orientation2d
        down = -offset[0] if vertical == "up" else offset[0]
        right = -offset[1] if horizontal == "left" else offset[1]
        zoom = self._camera.zoom
        return QPointF(self.width() / 2 + right * zoom, self.height() / 2 + down * zoom)

    def _follow(self, _: Any = None) -> None:
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Stay as large as the canvas."""
        if event.type() == QEvent.Type.Resize:
            self.resize(event.size())
        return bool(super().eventFilter(watched, event))

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the lines."""
        place = self.place()
        if place is None:
            return
        x, y = place.x(), place.y()
        painter = QPainter(self)
        painter.setPen(QPen(COLOUR, 1))
        painter.drawLines(
            [
                QLineF(0, y, x - GAP, y),
                QLineF(x + GAP, y, self.width(), y),
                QLineF(x, 0, x, y - GAP),
                QLineF(x, y + GAP, x, self.height()),
            ]
        )
        painter.end()
