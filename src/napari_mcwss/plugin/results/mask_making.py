"""Makes masks in the background: the quick steps at once, the others soon after."""

from functools import partial

from qtpy.QtCore import QObject, QTimer, Signal

from napari_mcwss.plugin.results.segmenting import MaskResult, Result
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.segmentation.masks.settings import MaskSettings

SETTLED = 120
"""Milliseconds without a change after which the slower steps follow."""


class MaskMaking(QObject):  # type: ignore[misc]
    """Makes the mask of a whole scan; only the last one asked for counts.

    `made` tells a `MaskResult` with the quick steps; if there are others, a second one with all.
    `refining_changed` tells whether slower steps are still to come.
    """

    made = Signal(object)
    refining_changed = Signal(bool)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._result: Result | None = None
        self._settings = MaskSettings()
        self._quick = Latest(parent, "making of the mask")
        self._quick.answered.connect(self._take_quick)
        # On its own: a slider must not wait for steps that take seconds.
        self._refining = Latest(parent, "refining of the mask")
        self._refining.answered.connect(self._take)
        self._settled = QTimer(self, singleShot=True, interval=SETTLED, timeout=self._refine)

    def make(self, result: Result, settings: MaskSettings) -> None:
        """Make a mask, in place of the one asked for before."""
        self.forget()
        self._result, self._settings = result, settings
        self._quick.ask(partial(result.masked, settings.at_once))

    def forget(self) -> None:
        """Want no mask any more."""
        self._quick.forget()
        self._refining.forget()
        self._settled.stop()
        self._result = None
        self.refining_changed.emit(False)

    def _take_quick(self, mask: MaskResult) -> None:
        if len(mask.settings.steps) < len(self._settings.steps):
            self._settled.start()
            self.refining_changed.emit(True)
        self.made.emit(mask)

    def _refine(self) -> None:
        if self._result is not None:
            self._refining.ask(partial(self._result.masked, self._settings))

    def _take(self, mask: MaskResult) -> None:
        self.refining_changed.emit(False)
        self.made.emit(mask)
