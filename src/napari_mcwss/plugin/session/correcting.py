"""The corrected mask of the scan on screen: a layer that the user paints."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from napari.utils.notifications import show_error
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.drawn import DrawnMarks
from napari_mcwss.plugin.session.mask_saving import MaskSaving
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.layers import (
    KEY,
    select_shown,
    show_corrected_layer,
    study_layers,
)
from napari_mcwss.segmentation.corrected import (
    CorrectedMask,
    is_corrected,
    read_corrected,
    read_strokes,
    refuse_strange_labels,
)

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer
    from psygnal import SignalInstance

    from napari_mcwss.plugin.session.scan_order import ScanOrder
    from napari_mcwss.segmentation.strokes.mending import Patch
    from napari_mcwss.segmentation.strokes.stroke import Mark
    from napari_mcwss.study.study import Study

SAVE_MILLISECONDS = 1000
"""Time from the first stroke of the brush until the mask is saved."""

_PAINTED = ("paint", "labels_update", "set_data", "data")
"""Events of a labels layer that may change the mask, also by undo or by other plugins."""


class ScanOnScreen(Protocol):
    """The part of a `Session` on which its corrected mask depends."""

    viewer: "Viewer"
    study: "Study | None"
    scan: str | None
    read_only: str
    order: "ScanOrder"

    @property
    def scan_changed(self) -> "SignalInstance":
        """Emitted when another scan is on screen."""


class Correcting(QObject):  # type: ignore[misc]
    """Shows a scan's corrected mask and saves it when it is painted.

    It belongs to a session, so that a mask is saved whichever docks are open.

    Attributes
    ----------
    changed : Signal
        The mask on screen, or how it is saved, has changed.
    layer : Labels or None
        The layer that the user paints; None if no corrected mask is on screen.
    right : bool
        Whether the user has marked the mask as right.
    damage : str
        Why the scan's corrected mask cannot be shown; empty if it can, or there is none.
    """

    changed = Signal()

    def __init__(self, session: ScanOnScreen) -> None:
        super().__init__()
        self.session = session
        self.saving = MaskSaving()
        # Whether there is a file of a mask; None if it is not known. Docks ask time and again.
        self._stored: bool | None = None
        self.saving.changed.connect(self._saved)
        self.layer: Labels | None = None
        self._hidden: list[Labels] = []
        self.right = False
        self.damage = ""
        self._marks: DrawnMarks | None = DrawnMarks()
        self._model = ""
        self._place: tuple[Study, str] | None = None
        self._last: NDArray[np.uint8] | None = None
        self._reading = Latest(self, "reading of a corrected mask")
        self._reading.answered.connect(self._take_read)
        self._wanted: tuple[Study, str] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_MILLISECONDS)
        self._timer.timeout.connect(self.save_painted)
        session.scan_changed.connect(self._scan_changed)
        session.viewer.layers.events.inserted.connect(self._inserted)
        session.viewer.layers.events.removed.connect(self._removed)

    @property
    def exists(self) -> bool:
        """Whether the scan on screen has a corrected mask, shown or not."""
        study, scan = self.session.study, self.session.scan
        if study is None or scan is None:
            return False
        if self.layer is not None or self.saving.latest(study, scan) is not None:
            return True
        if self._stored is None:
            self._stored = is_corrected(study, scan)
        return self._stored

    @property
    def reading(self) -> bool:
        """Whether the mask is being read from the disk."""
        return self._wanted is not None

    @property
    def visible_labels(self) -> NDArray[np.uint8] | None:
        """The labels that were saved last, uint8 ``(z, y, x)``, if their layer is visible."""
        shown = self._place == (self.session.study, self.session.scan)
        return self._last if shown and self.layer is not None and self.layer.visible else None

    def show(self) -> None:
        """Show the scan's corrected mask, the unsaved one or that on the disk."""
        study, scan = self.session.study, self.session.scan
        if study is None or scan is None or self.layer is not None or self.reading:
            return
        waiting = self.saving.latest(study, scan)
        if waiting is not None:
            self._show(study, scan, waiting)
            return
        self._wanted = study, scan
        self._reading.ask(partial(_read, study, scan))
        self.changed.emit()

    def begin(self, model: str) -> None:
        """Copy the mask of a model on screen, if any, into a layer to be corrected.

        This overwrites an existing corrected mask: ask before.
        """
        study, scan = self.session.study, self.session.scan
        if study is None or scan is None or self.session.read_only:
            return
        shape = study.scan(scan).geometry.shape
        labels, origin = np.zeros(shape, np.uint8), ""
        for layer in study_layers(self.session.viewer, "mask"):
            labels[...], origin = layer.data, model
        mask = CorrectedMask(labels, model=origin, marks=())
        if self.layer is None:
            self._show(study, scan, mask)
        else:
            self.layer.data = labels
            self._model, self._marks = origin, DrawnMarks()
        self.right = False
        self._save(labels.copy())

    def mark_right(self, right: bool) -> None:
        """Mark the whole mask as right, or not; McwssError if it has labels of no class."""
        self.save_painted()
        if self.layer is None or self._last is None or self._place is None:
            return
        if right:
            study, scan = self._place
            refuse_strange_labels(self.session.order.label(scan), self._last, study.class_names)
        self.right = right
        self._save(self._last)

    @property
    def marks(self) -> "tuple[Mark, ...]":
        """The strokes and boxes that hold in the mask on screen."""
        if self.layer is None or self._marks is None:
            return ()
        return self._marks.holding(self.layer.data)

    def mend(self, mark: "Mark", patch: "Patch | None") -> None:
        """Change the mask by what the user drew, as one step that can be undone."""
        if self.layer is None or self.session.read_only:
            return
        if self._marks is None:  # those on the disk are damaged, and the user draws new ones
            self._marks = DrawnMarks()
        self._marks.add(mark, patch)
        if patch is not None:
            self.layer.data_setitem(patch.voxels, patch.labels)
        elif self._last is not None:
            self._save(self._last)

    def save_painted(self) -> None:
        """Save what was painted since the last time; the mask is no longer marked as right."""
        if self.layer is None or self._last is None or self.session.read_only:
            return
        painted = np.asarray(self.layer.data)
        if painted.shape != self._last.shape or np.array_equal(painted, self._last):
            return
        self.right = False
        # Labels of other types may be larger than a byte.
        same = painted.dtype == np.uint8
        self._save(np.array(painted if same else np.clip(painted, 0, 255), np.uint8))

    def _save(self, labels: NDArray[np.uint8]) -> None:
        if self._place is not None:
            self._last = labels
            marks = None if self._marks is None else self._marks.holding(labels)
            mask = CorrectedMask(labels, self.right, self._model, marks)
            self.saving.save(*self._place, mask)
            self.changed.emit()

    def _saved(self) -> None:
        self._stored = None
        self.changed.emit()

    def _scan_changed(self, _: str) -> None:
        self.damage, self._wanted, self._stored = "", None, None
        self._reading.forget()
        if self.exists:
            self.show()
        self.changed.emit()

    def _take_read(self, read: CorrectedMask | McwssError | None) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted != (self.session.study, self.session.scan) or wanted is None:
            return
        if isinstance(read, CorrectedMask):
            self._show(*wanted, read)
        elif read is not None:
            self.damage = str(read)
            show_error(self.damage)
        self.changed.emit()

    def _show(self, study: "Study", scan: str, mask: CorrectedMask) -> None:
        self._place, self._model, self.right = (study, scan), mask.model, mask.right
        self._last = mask.labels
        self._marks = None
        if mask.marks is not None:
            self._marks = DrawnMarks()
            self._marks.read(mask.marks, mask.labels)
        viewer, geometry = self.session.viewer, study.scan(scan).geometry
        self._hidden = [layer for layer in study_layers(viewer, "mask") if layer.visible]
        for layer in self._hidden:
            layer.visible = False
        layer = show_corrected_layer(viewer, geometry, study.classes, mask.labels.copy())
        # Two programs that paint one mask would overwrite each other.
        layer.editable = not self.session.read_only
        for name in _PAINTED:
            getattr(layer.events, name).connect(self._painted)
        layer.events.visible.connect(self._visibility_changed)
        self.layer = layer
        self.changed.emit()

    def _visibility_changed(self, _: Any = None) -> None:
        self.changed.emit()

    def _painted(self, _: Any = None) -> None:
        # Not restarted, so that painting without a pause is saved too.
        if not self._timer.isActive():
            self._timer.start()

    def _inserted(self, event: Any) -> None:
        if self.layer is not None and event.value.metadata.get(KEY) == "mask":
            event.value.visible = False
            self._hidden.append(event.value)

    def _removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.save_painted()
            self.layer = self._last = self._place = None
            for layer in self._hidden:
                layer.visible = True
            self._hidden = []
            select_shown(self.session.viewer)
            self.changed.emit()


def _read(study: "Study", scan: str) -> CorrectedMask | McwssError | None:
    """Read a corrected mask; return an error, so that no new mask is begun in its place."""
    try:
        mask = read_corrected(study, scan)
    except McwssError as error:
        return error
    if mask is None:
        return None
    try:
        return replace(mask, marks=read_strokes(study, scan))
    except McwssError:
        return mask  # which needs no strokes; their file is left as it is
