"""Buttons to mend the corrected mask by clicks, strokes and boxes on the canvas."""

from collections.abc import Callable, Generator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_mcwss.plugin.results.correction.drawn_rectangle import DrawnRectangle
from napari_mcwss.plugin.results.correction.mending import Mending
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.rows import row, stack

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_mcwss.segmentation.strokes.stroke import Mark

Voxel = tuple[int, int, int]

ADD, REMOVE, LIMIT = "add", "remove", "limit"

_TEXTS = {
    ADD: (
        "Add",
        "Click or draw on what the mask lacks of the class: the region around it is added",
    ),
    REMOVE: (
        "Remove",
        "Click or draw on what is not the class: the region around it is removed",
    ),
    LIMIT: (
        "Limit …",
        "Drag a rectangle outside of which the class cannot be; a mere click lifts the limit",
    ),
}


class StrokeTools(QWidget):  # type: ignore[misc]
    """What a click on the canvas does to the corrected mask, for the class that was chosen.

    `wanted` tells that a tool was chosen though no corrected mask is on screen.
    """

    wanted = Signal()

    def __init__(self, state: ResultState, chosen: Callable[[], str]) -> None:
        super().__init__()
        self._state, self._session, self._chosen = state, state.session, chosen
        self._correcting = state.session.correcting
        self.mending = Mending(state, self)
        self._layer: Labels | None = None
        self._tool = ""
        self.buttons = {
            tool: QPushButton(text, toolTip=tip, checkable=True)
            for tool, (text, tip) in _TEXTS.items()
        }
        for tool, button in self.buttons.items():
            button.clicked.connect(lambda on, tool=tool: self.choose(tool if on else ""))
        self.undo_button = QPushButton(
            "Undo", toolTip="Undo the last stroke in the corrected mask", clicked=self._undo
        )
        stack(self, row(*self.buttons.values(), self.undo_button))
        self._correcting.changed.connect(self.refresh)
        self.refresh()

    @property
    def tool(self) -> str:
        """The tool in hand: `ADD`, `REMOVE` or `LIMIT`, or nothing."""
        return self._tool

    def choose(self, tool: str) -> None:
        """Take a tool in hand, or none."""
        if tool and self._correcting.layer is None:
            self.wanted.emit()
        self.refresh()  # which finds the layer, if there is a new one
        layer = self._layer
        self._tool = ""
        if layer is not None:
            if tool and layer.editable and self._chosen():
                self._session.viewer.layers.selection.active = layer
                layer.mode = "pan_zoom"
                self._tool = tool
            # Dragging draws, it does not move the picture.
            layer.mouse_pan = not self._tool and layer.mode == "pan_zoom"
        self._check()

    def refresh(self) -> None:
        """Follow the corrected mask on screen."""
        layer = self._correcting.layer
        if layer is not self._layer:
            self._layer = layer
            self.mending.forget()
            self._tool = ""
            if layer is not None:
                layer.mouse_drag_callbacks.append(self._dragged)
                layer.events.mode.connect(self._mode_changed)
        usable = layer is not None and bool(layer.editable)
        possible = self._session.scan is not None and not self._session.read_only
        for button in self.buttons.values():
            button.setEnabled(possible and (layer is None or usable) and bool(self._chosen()))
        self.undo_button.setEnabled(usable)
        self._check()

    def _check(self) -> None:
        for tool, button in self.buttons.items():
            button.setChecked(tool == self._tool)

    def _mode_changed(self, _: Any = None) -> None:
        """Lay the tool down when another one of the layer's is taken."""
        if self._layer is not None and self._layer.mode != "pan_zoom":
            self._tool = ""
            self._check()

    def _undo(self) -> None:
        if self._layer is not None:
            self._session.viewer.layers.selection.active = self._layer
            self._session.acts.undo_stroke()

    def _dragged(self, layer: "Labels", event: Any) -> Generator[None, None, None]:
        """Follow a drag on the canvas, and draw what it means once it ends."""
        if not self._tool or event.button != 1 or len(event.dims_displayed) != 2:
            return
        tool, name = self._tool, self._chosen()
        path = [_voxel(layer, event)]
        rectangle = DrawnRectangle(self._session.viewer, event)
        try:
            yield
            while event.type == "mouse_move":
                here = _voxel(layer, event)
                if here != path[-1]:
                    path.append(here)
                if tool == LIMIT:
                    rectangle.follow(event)
                yield
        finally:
            rectangle.hide()
        mark = _mark(tool, name, path, layer.data.shape, event.dims_displayed)
        if mark is not None:
            self.mending.draw(mark)


def _voxel(layer: "Labels", event: Any) -> Voxel:
    z, y, x = (int(np.round(index)) for index in layer.world_to_data(event.position)[-3:])
    return z, y, x


def _mark(
    tool: str, name: str, path: list[Voxel], shape: tuple[int, ...], displayed: list[int]
) -> "Mark | None":
    """Return what a drag means; None if it lies outside the scan."""
    from napari_mcwss.segmentation.strokes.stroke import ClassBox, Stroke

    if tool == LIMIT:
        ends = np.array([path[0], path[-1]])
        low, high = ends.min(0), ends.max(0) + 1
        across = [axis for axis in range(3) if axis not in displayed]
        if len(path) == 1:
            high = low
        else:
            low[across], high[across] = 0, np.array(shape)[across]
        return ClassBox(class_name=name, low=_indices(low), high=_indices(high))
    voxels = _line(path)
    inside = [v for v in voxels if all(0 <= n < size for n, size in zip(v, shape, strict=True))]
    return Stroke(path=tuple(inside), class_name=name, add=tool == ADD) if inside else None


def _indices(values: Any) -> Voxel:
    z, y, x = (int(value) for value in values)
    return z, y, x


def _line(path: list[Voxel]) -> list[Voxel]:
    """Return all voxels that a path goes through: a fast mouse skips some."""
    from skimage.draw import line_nd

    voxels = dict.fromkeys(path[:1])
    for begin, end in pairwise(path):
        points = np.transpose(line_nd(begin, end, endpoint=True))
        voxels.update(dict.fromkeys(_indices(point) for point in points))
    return list(voxels)
