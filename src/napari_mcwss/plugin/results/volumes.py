"""The volume of each class, as a small table."""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_mcwss.base.text import counted
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.segmentation.missed_classes import REMEDY, missed_classes

if TYPE_CHECKING:
    from napari_mcwss.plugin.results.segmenting import MaskResult
    from napari_mcwss.study.study import Study


class Volumes(QLabel):  # type: ignore[misc]
    """Colour, name and volume in mL of each class of the mask, and which classes were missed."""

    def __init__(self, state: ResultState) -> None:
        super().__init__(textFormat=Qt.TextFormat.RichText, wordWrap=True)
        self._state = state
        for signal in (state.shown, state.mask_changed):
            signal.connect(self._show)
        state.cleared.connect(self.clear)
        connect_until_destroyed(self, self._tags_changed, state.session.tags_changed)

    def _show(self) -> None:
        study, mask = self._state.session.study, self._state.mask
        if study is not None and mask is not None:
            self.setText(f"<table>{''.join(self._rows(study, mask))}</table>")

    def _rows(self, study: "Study", mask: "MaskResult") -> Iterator[str]:
        volumes = mask.volumes[-1]
        found = {mask.result.scan: [volume > 0 for volume in volumes]}
        missed = {missed.name: missed for missed in missed_classes(study, found)}
        for spec, volume in zip(study.classes, volumes, strict=True):
            amount = "missed" if spec.name in missed else f"{volume:.1f} mL"
            yield (
                f"<tr><td style='color:{spec.colour}'>&#9632;</td>"
                f"<td style='padding:0 12px 0 6px'>{escape(spec.name)}</td>"
                f"<td align='right'>{amount}</td></tr>"
            )
            if spec.name in missed:
                slices = counted(missed[spec.name].slices, "slice")
                text = f"tagged present on {slices}, but its mask is empty: {REMEDY}"
                yield f"<tr><td></td><td colspan='2'>{text}</td></tr>"

    def _tags_changed(self, scan: str) -> None:
        if scan == self._state.session.scan:
            self._show()
