"""A rectangle on the canvas while the user drags it."""

from typing import Any

from napari.viewer import Viewer

KEY = "mcwss_rectangle"
"""Name of the overlay."""


class DrawnRectangle:
    """Shows the rectangle from where a drag began, as napari draws its own for zooming.

    Before napari 0.9 viewers take no overlays, and nothing is drawn.

    Parameters
    ----------
    viewer : Viewer
    event
        The press of the mouse button.
    """

    def __init__(self, viewer: Viewer, event: Any) -> None:
        self._canvas = getattr(viewer, "canvas", None)
        self._begin = event.pos[::-1]

    def follow(self, event: Any) -> None:
        """Draw the rectangle up to where the mouse is."""
        if self._canvas is None:
            return
        from napari.components.overlays import ZoomOverlay

        if KEY not in self._canvas.overlays:
            self._canvas.overlays[KEY] = ZoomOverlay()
        overlay = self._canvas.overlays[KEY]
        overlay.position = self._begin, event.pos[::-1]
        overlay.visible = True

    def hide(self) -> None:
        """Leave nothing of it on the canvas."""
        if self._canvas is not None and KEY in self._canvas.overlays:
            self._canvas.overlays[KEY].visible = False
