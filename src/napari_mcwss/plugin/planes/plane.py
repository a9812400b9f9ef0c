"""One plane of the scan on screen, on a canvas of its own."""

from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QSizePolicy, QToolButton, QWidget

from napari_mcwss.plugin.planes.crosshair import Crosshair
from napari_mcwss.plugin.planes.fitting import fit
from napari_mcwss.plugin.session.radiological_view import RadiologicalView
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.rows import side_by_side, stack

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study

NAMES = ("Axial", "Coronal", "Sagittal")
"""Planes, by the axis z, y, x that they cut."""

SMALLEST = 120
"""Pixels of a canvas, in both directions."""


class Plane(QWidget):  # type: ignore[misc]
    """Shows a viewer model, which always cuts the same axis of the scan.

    Attributes
    ----------
    model : ViewerModel
    axis : int
        The axis z, y or x of the scan that is cut: 0, 1 or 2.
    enlarged : Signal
        The user wants this plane in the main view; with its axis.
    """

    enlarged = Signal(int)

    def __init__(self, session: Session, axis: int) -> None:
        super().__init__()
        self.model = ViewerModel()
        self.axis = axis
        self.view = QtViewer(self.model)
        # Files that are dropped here would be opened in this plane alone.
        self.view.setAcceptDrops(False)
        self.view.dims.setVisible(False)
        self.view.setMinimumSize(SMALLEST, SMALLEST)
        # Last, so that the model knows the new size.
        self.view.canvas.events.resize.connect(self.fit, position="last")
        self.crosshair = Crosshair(self.view.canvas.native, self.model)
        self.title = QLabel()
        self.button = QToolButton(
            text="⇄",
            autoRaise=True,
            toolTip="Show this plane in the main view, and that one here",
            clicked=lambda: self.enlarged.emit(self.axis),
        )
        head = side_by_side(self.title, self.button)
        head.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        stack(self, head, self.view)
        self.layout().setSpacing(0)
        self.letters = RadiologicalView(_OnScreen(session, self.model), scale_bar=False)
        events = self.model.dims.events
        self._events = (events.order, events.ndim, events.ndisplay)
        for event in self._events:
            event.connect(self._hold)
        self.show_axis(axis)

    def show_axis(self, axis: int) -> None:
        """Cut an axis of the scan."""
        self.axis = axis
        self.title.setText(NAMES[axis])
        self._hold()
        self.fit()

    def end(self) -> None:
        """Free the canvas; its widget must not be used any more."""
        for event in self._events:
            event.disconnect(self._hold)
        self.view.canvas.events.resize.disconnect(self.fit)
        self.crosshair.end()
        self.view.close()

    def _hold(self, _: Any = None) -> None:
        """Keep the axis, whichever keys are pressed and layers added."""
        dims = self.model.dims
        if dims.ndim < 3:
            return
        first = dims.ndim - 3
        others = [first + other for other in range(3) if other != self.axis]
        order = (*range(first), first + self.axis, *others)
        if dims.ndisplay != 2:
            dims.ndisplay = 2
        if tuple(dims.order) != order:
            dims.order = order
        # The one that Ctrl and the wheel move.
        dims.last_used = first + self.axis

    def fit(self, _: Any = None) -> None:
        """Fit what the scan shows to the canvas."""
        fit(self.model, self.view.canvas.native)


class _OnScreen:
    """What `RadiologicalView` shows of a session, in another viewer."""

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self._session, self.viewer = session, viewer

    @property
    def study(self) -> "Study | None":
        return self._session.study

    @property
    def scan(self) -> str | None:
        return self._session.scan
