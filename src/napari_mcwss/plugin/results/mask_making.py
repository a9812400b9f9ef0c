"""Makes masks beside the screen: at once what can be, the rest soon after."""

from functools import partial

from qtpy.QtCore import QObject, QTimer, Signal

from napari_mcwss.plugin.results.segmenting import MaskResult, Result
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.segmentation.masks.settings import MaskSettings

SETTLED = 120
"""Milliseconds without a change after which the steps follow that take longer."""


class MaskMaking(QObject):  # type: ignore[misc]
    """Makes the mask of a whole scan, of which only the last that was asked for counts.

    Parameters
    ----------
    parent : QWidget
        Its end ends the work.

    Attributes
    ----------
    made : Signal
        A mask was made, as `MaskResult`: first with the steps that act at once; if
        there are others, a second time with all.
    refining_changed : Signal
        Whether steps that take longer are still to come.
    """

    made = Signal(object)
    refining_changed = Signal(bool)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._found: Result | None = None
        self._rules = MaskSettings()
        self._quick = Latest(parent, "making of the mask")
        self._quick.answered.connect(self._take_quick)
        # On its own: a slider must not wait for steps that take seconds.
        self._refining = Latest(parent, "refining of the mask")
        self._refining.answered.connect(self._take)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLED)
        self._settled.timeout.connect(self._refine)

    def make(self, found: Result, rules: MaskSettings) -> None:
        """Make a mask, in place of the one that was asked for before."""
        self.forget()
        self._found, self._rules = found, rules
        self._quick.ask(partial(found.masked, rules.at_once))

    def forget(self) -> None:
        """Want no mask any more."""
        self._quick.forget()
        self._refining.forget()
        self._settled.stop()
        self._found = None
        self.refining_changed.emit(False)

    def _take_quick(self, masked: MaskResult) -> None:
        if len(masked.rules.steps) < len(self._rules.steps):
            self._settled.start()
            self.refining_changed.emit(True)
        self.made.emit(masked)

    def _refine(self) -> None:
        if self._found is not None:
            self._refining.ask(partial(self._found.masked, self._rules))

    def _take(self, masked: MaskResult) -> None:
        self.refining_changed.emit(False)
        self.made.emit(masked)
