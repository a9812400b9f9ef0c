"""The volume of each class, as a small table."""

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_mcwss.plugin.results.state import ResultState


class Volumes(QLabel):  # type: ignore[misc]
    """Colour, name and volume in mL of each class of the mask."""

    def __init__(self, state: ResultState) -> None:
        super().__init__(textFormat=Qt.TextFormat.RichText)
        self._state = state
        for signal in (state.shown, state.mask_changed):
            signal.connect(self._show)
        state.cleared.connect(self.clear)

    def _show(self) -> None:
        study, mask = self._state.session.study, self._state.mask
        if study is None or mask is None:
            return
        rows = "".join(
            f"<tr><td style='color:{spec.colour}'>&#9632;</td>"
            f"<td style='padding:0 12px 0 6px'>{escape(spec.name)}</td>"
            f"<td align='right'>{volume:.1f} mL</td></tr>"
            for spec, volume in zip(study.classes, mask.volumes[-1], strict=True)
        )
        self.setText(f"<table>{rows}</table>")
