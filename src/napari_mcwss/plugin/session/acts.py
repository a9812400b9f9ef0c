"""What the user did last: tag slices, or paint in a labels layer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from napari.layers import Labels
from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from napari.viewer import Viewer

MOST = 100
"""Acts that are remembered: as many strokes as napari can undo."""


class Act(NamedTuple):
    """A change of tags, or a stroke in a layer, on the slice that was on screen."""

    layer: Labels | None
    slice_index: int | None = None


class OnScreen(Protocol):
    """The part of a `Session` on which the acts depend."""

    viewer: "Viewer"

    @property
    def slice_index(self) -> int | None:
        """The slice on screen."""

    def go_to(self, slice_index: int) -> None:
        """Show a slice."""


class Acts(QObject):  # type: ignore[misc]
    """The order of changes of tags and of strokes in labels layers.

    Tags and layers each have their own history; this says whose turn it is.
    """

    def __init__(self, session: OnScreen) -> None:
        super().__init__()
        self._session = session
        self._done: list[Act] = []
        self._undone: list[Act] = []
        layers = session.viewer.layers
        layers.events.inserted.connect(self._inserted)
        layers.events.removed.connect(self._removed)
        for layer in layers:
            self._watch(layer)

    def note_tags(self) -> None:
        """Note that tags were changed."""
        self._note(Act(None))

    def undo_stroke(self) -> Labels | None:
        """Undo the last stroke in the active layer; None if tags are to be undone."""
        return self._turn(self._done, self._undone, Labels.undo)

    def redo_stroke(self) -> Labels | None:
        """Redo a stroke in the active layer; None if tags are to be redone."""
        return self._turn(self._undone, self._done, Labels.redo)

    def _turn(
        self, source: list[Act], target: list[Act], apply: Callable[[Labels], None]
    ) -> Labels | None:
        active = self._session.viewer.layers.selection.active
        for index in reversed(range(len(source))):
            act = source[index]
            if act.layer is not None and act.layer is not active:
                continue
            del source[index]
            if act.layer is None:
                target.append(act)
            elif _changes(act.layer, apply):
                target.append(act)
                if act.slice_index is not None:
                    self._session.go_to(act.slice_index)
            else:
                continue  # napari has forgotten it, or its own key has undone it
            return act.layer
        return None

    def _note(self, act: Act) -> None:
        self._done = [*self._done, act][-MOST:]
        # What was undone before in the same place cannot be redone now.
        self._undone = [undone for undone in self._undone if undone.layer is not act.layer]

    def _inserted(self, event: Any) -> None:
        self._watch(event.value)

    def _removed(self, event: Any) -> None:
        for acts in (self._done, self._undone):
            acts[:] = [act for act in acts if act.layer is not event.value]

    def _watch(self, layer: Any) -> None:
        if isinstance(layer, Labels):
            layer.events.paint.connect(self._painted)

    def _painted(self, event: Any) -> None:
        self._note(Act(event.source, self._session.slice_index))


def _changes(layer: Labels, apply: Callable[[Labels], None]) -> bool:
    """Undo or redo a stroke; return whether there was one, which napari does not tell."""
    drawn: list[object] = []
    events = layer.events.set_data, layer.events.reload
    for event in events:
        event.connect(drawn.append)
    try:
        apply(layer)
    finally:
        for event in events:
            event.disconnect(drawn.append)
    return bool(drawn)
