"""The corrected mask of the scan on screen: a layer that is painted, and kept."""

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from napari.utils.notifications import show_error
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.mask_saving import MaskSaving
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.layers import KEY, show_corrected_layer, study_layers
from napari_mcwss.segmentation.corrected import (
    CorrectedMask,
    is_corrected,
    read_corrected,
    refuse_strange_labels,
)

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer
    from psygnal import SignalInstance

    from napari_mcwss.plugin.session.scan_order import ScanOrder
    from napari_mcwss.study.study import Study

SOON = 1000
"""Milliseconds after which a stroke of the brush is on its way to the disk."""

_PAINTED = ("paint", "labels_update", "set_data", "data")
"""Events of a labels layer after which it may be another mask: also undo, and other programs."""


class ScanOnScreen(Protocol):
    """What is on screen, as far as a corrected mask depends on it; a `Session` is one."""

    viewer: "Viewer"
    study: "Study | None"
    scan: str | None
    read_only: str
    order: "ScanOrder"

    @property
    def scan_changed(self) -> "SignalInstance":
        """Emitted when another scan is on screen."""


class Correcting(QObject):  # type: ignore[misc]
    """Shows a scan's corrected mask and saves what is painted.

    It belongs to a session, so that what is painted is saved whichever docks
    are open.

    Parameters
    ----------
    session : ScanOnScreen
        The session that it belongs to.

    Attributes
    ----------
    changed : Signal
        Look again at what is shown and how it is saved.
    layer : Labels or None
        What is painted; None if no corrected mask is on screen.
    right : bool
        Whether the user has called it right, as it is.
    damage : str
        Why the scan's corrected mask cannot be shown; empty if it can, or there is none.
    saving : MaskSaving
        Brings it to the disk.
    """

    changed = Signal()

    def __init__(self, session: ScanOnScreen) -> None:
        super().__init__()
        self.session = session
        self.saving = MaskSaving()
        self.saving.changed.connect(self.changed)
        self.layer: Labels | None = None
        self._hidden: list[Labels] = []
        self.right = False
        self.damage = ""
        self._model = ""
        self._place: tuple[Study, str] | None = None
        self._last: NDArray[np.uint8] | None = None
        self._reading = Latest(self, "reading of a corrected mask")
        self._reading.answered.connect(self._take_read)
        self._wanted: tuple[Study, str] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._soon.timeout.connect(self.look)
        session.scan_changed.connect(self._scan_changed)
        session.viewer.layers.events.inserted.connect(self._inserted)
        session.viewer.layers.events.removed.connect(self._removed)

    @property
    def there(self) -> bool:
        """Whether the scan on screen has a corrected mask, shown or not."""
        study, scan = self.session.study, self.session.scan
        if study is None or scan is None:
            return False
        return self.layer is not None or (
            self.saving.latest(study, scan) is not None or is_corrected(study, scan)
        )

    @property
    def reading(self) -> bool:
        """Whether the mask is being read from the disk."""
        return self._wanted is not None

    def show(self) -> None:
        """Bring the scan's corrected mask back on screen, as from the disk."""
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
        """Correct the mask on screen, in a layer of its own.

        A corrected mask that is there is written over: ask before.

        Parameters
        ----------
        model : str
            Whose mask it is; where none is on screen, an empty one is begun.
        """
        study, scan = self.session.study, self.session.scan
        if study is None or scan is None or self.session.read_only:
            return
        shape = study.scan(scan).geometry.shape
        labels, origin = np.zeros(shape, np.uint8), ""
        for layer in study_layers(self.session.viewer, "mask"):
            labels[...], origin = layer.data, model
        mask = CorrectedMask(labels, model=origin)
        if self.layer is None:
            self._show(study, scan, mask)
        else:
            self.layer.data = labels
            self._model = origin
        self.right = False
        self._save(labels.copy())

    def call_right(self, right: bool) -> None:
        """Say whether all of the mask is right, as it is.

        Raises
        ------
        McwssError
            If it holds labels of no class.
        """
        self.look()
        if self.layer is None or self._last is None or self._place is None:
            return
        if right:
            study, scan = self._place
            refuse_strange_labels(self.session.order.label(scan), self._last, study.class_names)
        self.right = right
        self._save(self._last)

    def look(self) -> None:
        """Save what was painted since the last time; it is no longer called right."""
        if self.layer is None or self._last is None or self.session.read_only:
            return
        painted = np.asarray(self.layer.data)
        if painted.shape != self._last.shape or np.array_equal(painted, self._last):
            return
        self.right = False
        # Whatever is painted is kept; labels of other types may be larger than a byte.
        same = painted.dtype == np.uint8
        self._save(np.array(painted if same else np.clip(painted, 0, 255), np.uint8))

    def _save(self, labels: NDArray[np.uint8]) -> None:
        if self._place is not None:
            self._last = labels
            self.saving.save(*self._place, CorrectedMask(labels, self.right, self._model))
            self.changed.emit()

    def _scan_changed(self, _: str) -> None:
        self.damage, self._wanted = "", None
        self._reading.forget()
        if self.there:
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
        viewer, geometry = self.session.viewer, study.scan(scan).geometry
        self._hidden = [layer for layer in study_layers(viewer, "mask") if layer.visible]
        for layer in self._hidden:
            layer.visible = False
        layer = show_corrected_layer(viewer, geometry, study.classes, mask.labels.copy())
        # Two programs that paint one mask would write over each other.
        layer.editable = not self.session.read_only
        for name in _PAINTED:
            getattr(layer.events, name).connect(self._painted)
        self.layer = layer
        self.changed.emit()

    def _painted(self, _: Any = None) -> None:
        # Not started anew: whoever paints without a pause is saved all the same.
        if not self._soon.isActive():
            self._soon.start()

    def _inserted(self, event: Any) -> None:
        if self.layer is not None and event.value.metadata.get(KEY) == "mask":
            event.value.visible = False
            self._hidden.append(event.value)

    def _removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.look()
            self.layer = self._last = self._place = None
            for layer in self._hidden:
                layer.visible = True
            self._hidden = []
            self.changed.emit()


def _read(study: "Study", scan: str) -> CorrectedMask | McwssError | None:
    """Read a corrected mask; an error is an answer, so that nothing is begun in its place."""
    try:
        return read_corrected(study, scan)
    except McwssError as error:
        return error
