"""The dock with the planes that the main view does not show."""

from collections.abc import Sequence
from typing import Any

from napari.components import ViewerModel
from napari.qt import QtViewer
from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow, QSplitter, QWidget

from napari_mcwss.plugin.planes.copies import LayerCopies
from napari_mcwss.plugin.planes.crosshair import Crosshair
from napari_mcwss.plugin.planes.fitting import fit
from napari_mcwss.plugin.planes.plane import Plane
from napari_mcwss.plugin.planes.pointing import Pointing
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.rows import dock_of, main_window_of, stack

ONE_PLANE = "A picture has one plane only."
NOTHING = "Open a scan to see its other planes."
SHARE = 0.4
"""Part of the main view's width that the planes take when they are opened."""

SMALL = 1600
"""Pixels of a window that is too narrow for wide docks beside three planes."""

_LEFT, _RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea


class PlanesDock(QWidget):  # type: ignore[misc]
    """Shows the two planes of the scan that the main view does not show, linked by a crosshair.

    Viewers and canvases exist while the dock is shown. A click in any plane moves the others to
    the point.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = Session.of(napari_viewer)
        # Layers of napari's stand-in for plugins are other objects each time they are asked for.
        self.viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.planes: list[Plane] = []
        self.copies: LayerCopies | None = None
        self.crosshair: Crosshair | None = None
        self._pointing: list[Pointing] = []
        self._placed: QDockWidget | None = None
        self._moving = self._fits = False
        self.note = QLabel(wordWrap=True, alignment=Qt.AlignmentFlag.AlignCenter)
        self._views = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        stack(self, self.note, self._views)
        dims = self.viewer.dims.events
        self._connections = (
            (self._follow, dims.point),
            (self._arrange, dims.order, dims.ndisplay, dims.ndim, dims.range),
            (self._want_fit, self.viewer.events.reset_view),
            (self._take_theme, self.viewer.events.theme),
            (self._show_scan, self.session.scan_changed, self.session.study_opened),
        )

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take a place beside the main view, and make the planes."""
        super().showEvent(event)
        dock = dock_of(self)
        if dock is not None and dock is not self._placed:
            self._placed = dock
            dock.setWindowTitle(dock.windowTitle().partition(" (")[0])
            # In another window, canvases lose what they have drawn.
            dock.topLevelChanged.connect(self._begin_again)
            _put_beside(dock)
        # Not within Qt's work on the dock.
        QTimer.singleShot(0, self._begin)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Free the planes, unless the window is only minimised."""
        super().hideEvent(event)
        if not event.spontaneous():
            self._end()

    def _begin(self) -> None:
        if self.planes or not self.isVisible():
            return
        self.planes = [Plane(self.session, axis) for axis in (1, 2)]
        models = [plane.model for plane in self.planes]
        for plane in self.planes:
            self._views.addWidget(plane)
            plane.enlarged.connect(self.enlarge)
        self.copies = LayerCopies(self.viewer, models)
        self.copies.applied.connect(self._applied)
        self._pointing = [Pointing(viewer, self._point) for viewer in (self.viewer, *models)]
        for slot, *signals in self._connections:
            for signal in signals:
                signal.connect(slot)
        for model in models:
            model.dims.events.point.connect(self._lead)
        for canvas in main_window_of(self).findChildren(QtViewer):
            if canvas.viewer is self.viewer:
                self.crosshair = Crosshair(canvas.canvas.native, self.viewer)
                # It has become narrower.
                fit(self.viewer, canvas.canvas.native)
        self._take_theme()
        self._centre()
        self._show_scan()

    def _end(self) -> None:
        if self.copies is None:
            return
        for slot, *signals in self._connections:
            for signal in signals:
                signal.disconnect(slot)
        for pointing in self._pointing:
            pointing.end()
        self.copies.applied.disconnect(self._applied)
        self.copies.end()
        if self.crosshair is not None:
            self.crosshair.end()
        for plane in self.planes:
            plane.model.dims.events.point.disconnect(self._lead)
            plane.end()
            plane.setParent(None)
            plane.deleteLater()
        self.planes, self._pointing, self.copies, self.crosshair = [], [], None, None
        self.session.set_planes_beside(None)

    def _begin_again(self) -> None:
        self._end()
        QTimer.singleShot(0, self._begin)

    def enlarge(self, axis: int) -> None:
        """Show a plane in the main view, which cuts an axis z, y or x: 0, 1 or 2."""
        dims = self.viewer.dims
        if dims.ndim >= 3:
            first = dims.ndim - 3
            others = [first + other for other in range(3) if other != axis]
            dims.ndisplay, dims.order = 2, (*range(first), first + axis, *others)

    def _arrange(self, _: Any = None) -> None:
        """Show what the main view does not show, each plane in its place as long as possible."""
        why_none = self._lack()
        self.note.setText(why_none)
        self.note.setVisible(bool(why_none))
        self._views.setVisible(not why_none)
        main = self._main_axis()
        shown = [plane.axis for plane in self.planes]
        if main in shown:
            (free,) = {0, 1, 2}.difference(shown)
            self.planes[shown.index(main)].show_axis(free)
        axes = () if why_none else tuple(plane.axis for plane in self.planes)
        self.session.set_planes_beside(axes)
        self._follow()

    def _lack(self) -> str:
        """Return why there are no planes to show; empty if there are."""
        study, scan, dims = self.session.study, self.session.scan, self.viewer.dims
        if study is not None and scan is not None and study.slices(scan) == 1:
            return ONE_PLANE
        if not self.viewer.layers:
            return NOTHING
        return ONE_PLANE if dims.ndim < 3 or min(dims.nsteps[-3:]) < 2 else ""

    def _main_axis(self) -> int | None:
        """Return the axis z, y or x of the scan that the main view cuts; None if it cuts none."""
        dims = self.viewer.dims
        first = dims.ndim - 3
        if dims.ndisplay != 2 or first < 0 or min(dims.order[-2:]) < first:
            return None
        (cut,) = {0, 1, 2}.difference(axis - first for axis in dims.order[-2:])
        return cut

    def _follow(self, _: Any = None) -> None:
        """Move the planes to the point of the main view."""
        point = self.viewer.dims.point
        self._moving = True
        for plane in self.planes:
            # A layer of the user can have more axes than the scan, in front.
            own = point[-plane.model.dims.ndim :]
            if len(plane.model.dims.point) == len(own) and plane.model.dims.point != own:
                plane.model.dims.point = own
        self._moving = False

    def _lead(self, event: Any) -> None:
        """Move the main view to the point of a plane that the user has moved."""
        busy = self._moving or self.copies is None or self.copies.busy
        dims, point = self.viewer.dims, event.source.point
        if not busy and len(point) <= dims.ndim:
            dims.point = (*dims.point[: dims.ndim - len(point)], *point)

    def _point(self, viewer: ViewerModel, position: Sequence[float]) -> None:
        """Move all planes to the voxels at a position on one of the canvases."""
        dims = self.viewer.dims
        before = dims.ndim - len(position)
        if before < 0 or viewer.dims.ndim < 3:
            return
        places = zip(position, dims.range[before:], strict=True)
        dims.point = (*dims.point[:before], *(_nearest(at, *limits) for at, limits in places))

    def _centre(self) -> None:
        """Move away from the border, where napari leaves the axes that nobody has moved."""
        dims = self.viewer.dims
        for axis, (low, high, _) in enumerate(dims.range[-3:], max(dims.ndim - 3, 0)):
            if axis in dims.displayed and dims.point[axis] in (low, high):
                dims.set_point(axis, (low + high) / 2)

    def _show_scan(self, *_: object) -> None:
        for plane in self.planes:
            plane.letters.refresh()
        self._arrange()

    def _take_theme(self, _: Any = None) -> None:
        for plane in self.planes:
            plane.model.theme = self.viewer.theme

    def _want_fit(self, _: Any = None) -> None:
        self._fits = True
        if self.copies is not None:
            self.copies.ask()

    def _applied(self) -> None:
        self._arrange()
        fits, self._fits = self._fits, False
        if fits:
            for plane in self.planes:
                plane.fit()


def _nearest(at: float, low: float, high: float, step: float) -> float:
    """Return the nearest of the places from low to high; beside the scan, that is its border."""
    return float(min(max(low + round((at - low) / step) * step, low), high))


def _put_beside(dock: QDockWidget) -> None:
    """Put a dock directly at the left of the main view, over its whole height.

    In a small window, the other docks at the sides become as narrow as they can be.
    """
    window = dock.parentWidget()
    if not isinstance(window, QMainWindow) or dock.isFloating():
        return
    window.addDockWidget(_LEFT, dock, Qt.Orientation.Horizontal)
    docks: list[QDockWidget] = []
    widths: list[int] = []
    room = window.width()
    for side in (_LEFT, _RIGHT):
        beside = [
            other
            for other in window.findChildren(QDockWidget)
            if other is not dock and other.isVisible() and window.dockWidgetArea(other) == side
        ]
        small = max((other.minimumSizeHint().width() for other in beside), default=0)
        wide = max((other.width() for other in beside), default=0)
        width = small if window.width() < SMALL else wide
        docks += beside
        widths += [width] * len(beside)
        room -= width
    window.resizeDocks([*docks, dock], [*widths, int(SHARE * room)], Qt.Orientation.Horizontal)
