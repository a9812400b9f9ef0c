"""Mends the corrected mask by strokes, in the background, one after another."""

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_mcwss.plugin.results.correction.what_changed import change_text
from napari_mcwss.plugin.results.segmenting import Result
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.segmentation.masks.exclusive import Thresholds

if TYPE_CHECKING:
    from napari_mcwss.segmentation.strokes.mending import Patch
    from napari_mcwss.segmentation.strokes.scene import Scene
    from napari_mcwss.segmentation.strokes.stroke import Mark
    from napari_mcwss.study.study import Study


class _Request(NamedTuple):
    """What a mark is drawn on."""

    study: "Study"
    scan: str
    result: Result | None
    thresholds: Thresholds
    tags: NDArray[np.int8] | None


class Mending(QObject):  # type: ignore[misc]
    """Finds what marks change, and changes the corrected mask on screen.

    `changed` tells a mark and, in words, what it has changed; `mended`, that all marks are done.
    Marks that are drawn meanwhile wait: each builds on those before. They are forgotten with their
    scan.
    """

    changed = Signal(object, str)
    mended = Signal()

    def __init__(self, state: ResultState, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._waiting: list[Mark] = []
        self._scene: tuple[_Request, Scene] | None = None
        self._work = Latest(self, "mending of a mask")
        self._work.answered.connect(self._take)
        self._work.failed.connect(self.forget)

    @property
    def running(self) -> bool:
        """Whether marks wait to be done."""
        return bool(self._waiting)

    def draw(self, mark: "Mark") -> None:
        """Mend the mask on screen by a mark."""
        self._waiting.append(mark)
        if len(self._waiting) == 1:
            self._next()

    def forget(self) -> None:
        """Drop the marks that wait."""
        self._waiting.clear()
        self._work.forget()

    def _next(self) -> None:
        session = self._state.session
        layer, study, scan = session.correcting.layer, session.study, session.scan
        if layer is None or study is None or scan is None:
            self.forget()
            return
        settings = self._state.shown_settings
        thresholds = settings.thresholds_of(study.class_names)
        request = _Request(study, scan, self._state.on_screen, thresholds, settings.tags)
        labels = np.array(layer.data, np.uint8)
        marks = session.correcting.marks
        self._work.ask(partial(_mend, request, self._scene, labels, self._waiting[0], marks))

    def _take(self, answer: Any) -> None:
        request, scene, patch = answer
        session = self._state.session
        if (request.study, request.scan) != (session.study, session.scan):
            self.forget()
            return
        self._scene = request, scene
        mark = self._waiting.pop(0)
        session.correcting.mend(mark, patch)
        geometry = request.study.scan(request.scan).geometry
        self.changed.emit(mark, change_text(mark, patch, geometry))
        if self._waiting:
            self._next()
        else:
            self.mended.emit()


def _mend(
    request: _Request,
    known: "tuple[_Request, Scene] | None",
    labels: NDArray[np.uint8],
    mark: "Mark",
    earlier: "tuple[Mark, ...]",
) -> "tuple[_Request, Scene, Patch | None]":
    from napari_mcwss.segmentation.strokes.mending import mend

    scene = _scene(request) if known is None or not _same(known[0], request) else known[1]
    return request, scene, mend(labels, mark, scene, request.study.class_names, earlier)


def _same(one: _Request, other: _Request) -> bool:
    if one.tags is None or other.tags is None:
        return one.tags is other.tags and one[:4] == other[:4]
    return one[:4] == other[:4] and np.array_equal(one.tags, other.tags)


def _scene(request: _Request) -> "Scene":
    """Prepare the scan; without a result, priorities and intensities have to do."""
    from napari_mcwss.segmentation.masks.exclusive import precedence_of
    from napari_mcwss.segmentation.strokes.scene import make_scene

    study, result = request.study, request.result
    source = study.scan(request.scan)
    count = len(study.classes)
    if result is None:
        cams = np.broadcast_to(np.float32(0), (count, *source.geometry.shape))
        none = np.zeros((count, count), bool)
        precedence = precedence_of(none, [spec.priority for spec in study.classes])
    else:
        cams, precedence = result.prediction.cams, result.precedence
    return make_scene(
        source.volume(),
        cams,
        precedence,
        request.thresholds,
        source.geometry.spacing,
        request.tags,
    )
