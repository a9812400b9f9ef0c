"""The radiological convention: how scans are turned on screen, and letters that say so."""

from typing import TYPE_CHECKING, Any, Protocol

from napari.components.overlays import TextOverlay
from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_mcwss.study.study import Study

LETTERS = ("I", "S"), ("A", "P"), ("R", "L")
"""Where the axes z, y, x of a scan in canonical order begin and end."""

SIDES = {
    "top": "top_center",
    "bottom": "bottom_center",
    "left": "middle_left",
    "right": "middle_right",
}
"""Sides of the canvas, to napari's name of the position."""


class ScanOnScreen(Protocol):
    """The part of a `Session` that is shown."""

    viewer: "Viewer"

    @property
    def study(self) -> "Study | None":
        """The study that is open."""

    @property
    def scan(self) -> str | None:
        """Name of the scan on screen."""


class RadiologicalView(QObject):  # type: ignore[misc]
    """Turns the view while a scan of the study is on screen, and marks its sides.

    Axial and coronal slices show the patient's right on the left side, coronal and sagittal ones
    the head above. Letters need napari 0.9; pictures, which have no sides, get none.
    A scan also gets a scale bar, unless `scale_bar` is False.
    """

    def __init__(self, session: ScanOnScreen, *, scale_bar: bool = True) -> None:
        super().__init__()
        self._session, self._viewer = session, session.viewer
        self._scale_bar = scale_bar
        self._asked = self._order = tuple(self._viewer.dims.order)
        # Before napari 0.9, the viewer has the camera itself.
        self._camera = getattr(self._viewer, "scene", self._viewer).camera
        self._own_vertical = str(self._camera.orientation2d[0])
        self._vertical = self._own_vertical
        self._spatial = False
        for event in (self._viewer.dims.events.order, self._viewer.dims.events.ndisplay):
            event.connect(self._turn)
        self._camera.events.orientation.connect(self._show_letters)

    def refresh(self) -> None:
        """Follow the scan on screen, or the lack of one."""
        study, scan = self._session.study, self._session.scan
        spatial = study is not None and scan is not None and study.scan(scan).geometry.in_mm
        # Once only: the user may have hidden it since then.
        if spatial != self._spatial:
            self._spatial = spatial
            _overlays(self._viewer, "scale_bar").visible = spatial and self._scale_bar
        self._turn()

    def _turn(self, _: Any = None) -> None:
        dims = self._viewer.dims
        flat = self._session.scan is not None and dims.ndisplay == 2 and dims.ndim >= 3
        order = tuple(dims.order)
        if flat and order != self._order:
            # Rolled on from an order that was put right, the next order is napari's next.
            rolled = order == _rolled(self._order) and self._asked != self._order
            self._asked = _rolled(self._asked) if rolled else order
            self._order = _radiological(self._asked)
            if self._order != order:
                dims.order = self._order
        above = flat and self._order[-2] == dims.ndim - 3
        vertical = "up" if above else self._own_vertical
        if vertical != self._vertical:
            self._vertical = vertical
            self._camera.orientation2d = vertical, self._camera.orientation2d[1]
        self._show_letters()

    def _show_letters(self, _: Any = None) -> None:
        canvas = getattr(self._viewer, "canvas", None)
        if canvas is None:  # before napari 0.9
            return
        letters = self._letters()
        for side, position in SIDES.items():
            key = f"mcwss_{side}"
            if key not in canvas.overlays and letters:
                canvas.overlays[key] = TextOverlay(position=position, font_size=14)
            if key in canvas.overlays:
                canvas.overlays[key].text = letters.get(side, "")
                canvas.overlays[key].visible = bool(letters)

    def _letters(self) -> dict[str, str]:
        """Return the letter of each side of the canvas; empty if there are none."""
        dims = self._viewer.dims
        if self._session.scan is None or not self._spatial or dims.ndisplay != 2:
            return {}
        axes = [axis - (dims.ndim - 3) for axis in dims.order[-2:]]
        if min(axes) < 0:
            return {}
        vertical, horizontal = self._camera.orientation2d
        first, last = LETTERS[axes[0]][:: -1 if vertical == "up" else 1]
        left, right = LETTERS[axes[1]][:: -1 if horizontal == "left" else 1]
        return {"top": first, "bottom": last, "left": left, "right": right}


def _overlays(viewer: "Viewer", name: str) -> Any:
    canvas = getattr(viewer, "canvas", None)
    # Before napari 0.9, the viewer has the overlays itself.
    return getattr(viewer, name) if canvas is None else canvas.overlays[name]


def _radiological(order: tuple[int, ...]) -> tuple[int, ...]:
    """Return the order with the displayed axes as z above y above x, if they are the scan's."""
    *rest, rows, columns = order
    if min(rows, columns) < len(order) - 3:
        return order
    return (*rest, *sorted((rows, columns)))


def _rolled(order: tuple[int, ...]) -> tuple[int, ...]:
    return order[-1:] + order[:-1]
