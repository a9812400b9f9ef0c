"""The list from which a window for a channel on screen is chosen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QComboBox, QSizePolicy
from superqt.utils import signals_blocked

from napari_mcwss.plugin.planes.windows import windows_for
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.layers import study_layers

BY_HAND = "set by hand"


class WindowChoice(QComboBox):  # type: ignore[misc]
    """Sets the contrast limits of the selected channel, or of the highest one that is visible.

    A choice holds for the channel in all scans of the study, until napari is closed; percentiles
    are those of each scan.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.setToolTip("Values of the channel that are shown from black to white")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._session = session
        self._chosen: dict[tuple[Path, str], str] = {}
        self._layers: list[Image] = []
        self._applying = False
        self.activated.connect(self._choose)
        layers = session.viewer.layers
        connect_until_destroyed(
            self, self._show, layers.selection.events.active, layers.events.removed
        )
        connect_until_destroyed(
            self, self._scan_changed, session.scan_changed, session.study_opened
        )
        self.destroyed.connect(lambda: self._watch([]))
        self._scan_changed()

    def _scan_changed(self, *_: object) -> None:
        self._watch(study_layers(self._session.viewer, "scan"))
        self._chosen = {key: name for key, name in self._chosen.items() if name}
        for layer in self._layers:
            if not layer.rgb:
                self._apply(layer, self._chosen.get(self._key(layer), ""))
        self._show()

    def _watch(self, layers: Sequence[Image]) -> None:
        for watched, is_new in ((self._layers, False), (layers, True)):
            for layer in watched:
                for event in (layer.events.visible, layer.events.contrast_limits):
                    (event.connect if is_new else event.disconnect)(self._changed)
        self._layers = list(layers)

    def _key(self, layer: Image) -> tuple[Path, str]:
        study = self._session.study
        return Path() if study is None else study.folder, layer.metadata["channel"]

    def _layer(self) -> Image | None:
        """Return the channel whose window is shown; None if there is none with grey values."""
        active = self._session.viewer.layers.selection.active
        layers = study_layers(self._session.viewer, "scan")
        layers = [layer for layer in layers if not layer.rgb]
        shown = [layer for layer in layers if layer.visible]
        return next((layer for layer in layers if layer == active), (shown or layers or [None])[-1])

    def _choose(self, index: int) -> None:
        layer, name = self._layer(), self.itemData(index)
        if layer is not None and name:
            self._chosen[self._key(layer)] = name
            self._apply(layer, name)
            self._show()

    def _apply(self, layer: Image, name: str) -> None:
        window = windows_for(layer.data).get(name)
        if window is None:
            return
        low, high = window.limits(layer.data)
        first, last = layer.contrast_limits_range
        self._applying = True
        layer.contrast_limits_range = min(low, first), max(high, last)
        layer.contrast_limits = low, high
        self._applying = False

    def _changed(self, event: Any) -> None:
        if self._applying or self._session.scan is None:
            return
        if event.type == "contrast_limits":
            # The user's own limits are for this scan alone.
            self._chosen[self._key(event.source)] = ""
        self._show()

    def _show(self, _: Any = None) -> None:
        layer = self._layer()
        self.setEnabled(layer is not None)
        with signals_blocked(self):
            self.clear()
            if layer is None:
                return
            channel, name = layer.metadata["channel"], self._chosen.get(self._key(layer), "default")
            for choice, window in windows_for(layer.data).items():
                self.addItem(f"{channel}: {window.title}", choice)
            if self.findData(name) < 0:
                self.addItem(f"{channel}: {BY_HAND}", "")
                name = ""
            self.setCurrentIndex(self.findData(name))
