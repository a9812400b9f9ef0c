"""Clicks on a canvas that choose a point."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from napari.components import ViewerModel

STILL = 4
"""Pixels that the mouse may move between press and release of a click."""


class Pointing:
    """Calls a function with the position that is clicked on a viewer's canvas, in world units.

    The point also follows the mouse while Shift is held. In modes of a layer in which a click does
    something else, such as painting, it chooses no point.
    """

    def __init__(
        self, viewer: ViewerModel, chosen: Callable[[ViewerModel, Sequence[float]], None]
    ) -> None:
        self._viewer, self._chosen = viewer, chosen
        viewer.mouse_drag_callbacks.append(self._press)
        viewer.mouse_move_callbacks.append(self._move)

    def end(self) -> None:
        """Stop listening."""
        self._viewer.mouse_drag_callbacks.remove(self._press)
        self._viewer.mouse_move_callbacks.remove(self._move)

    def _press(self, _: ViewerModel, event: Any) -> Iterator[None]:
        if event.button != 1 or event.modifiers or not self._ready():
            return
        start, moved = event.pos, False
        yield
        while event.type == "mouse_move":
            moved = moved or max(abs(event.pos - start)) > STILL
            yield
        if not moved:
            self._chosen(self._viewer, event.position)

    def _move(self, _: ViewerModel, event: Any) -> None:
        if "Shift" in event.modifiers and self._ready():
            self._chosen(self._viewer, event.position)

    def _ready(self) -> bool:
        active = self._viewer.layers.selection.active
        return self._viewer.dims.ndisplay == 2 and (active is None or active.mode == "pan_zoom")
