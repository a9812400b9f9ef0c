"""The volume of each class, as a small table."""

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_mcwss.study.study import ClassSpec


class Volumes(QLabel):  # type: ignore[misc]
    """Colour, name and volume of each class."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.RichText)

    def show_volumes(self, classes: Sequence[ClassSpec], millilitres: Sequence[float]) -> None:
        """Show a volume in mL for each class."""
        rows = "".join(
            f"<tr><td style='color:{spec.colour}'>&#9632;</td>"
            f"<td style='padding:0 12px 0 6px'>{escape(spec.name)}</td>"
            f"<td align='right'>{volume:.1f} mL</td></tr>"
            for spec, volume in zip(classes, millilitres, strict=True)
        )
        self.setText(f"<table>{rows}</table>")
