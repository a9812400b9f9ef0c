"""The volumes of one patient's scans over time."""

from collections.abc import Mapping, Sequence

import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QSizePolicy

from napari_mcwss.study.description import ClassSpec
from napari_mcwss.study.follow_up import Timepoint

HEIGHT = 150


class VolumeCurve(pg.PlotWidget):  # type: ignore[misc]
    """A curve of each class over the scans of a patient, by days if their dates are known."""

    def __init__(self, theme: str) -> None:
        super().__init__()
        self.lines: dict[str, pg.PlotDataItem] = {}
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.showGrid(y=True, alpha=0.15)
        self.setLabel("left", "mL")
        self.legend = self.addLegend(offset=(-8, 4))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self.set_theme(theme)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Leave most of the window to the table."""
        return QSize(300, HEIGHT)

    def set_theme(self, theme: str) -> None:
        """Apply the colours of a napari theme."""
        colours = get_theme(theme)
        self.setBackground(QColor(colours.background.as_hex()))
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(colours.secondary.as_hex())
            self.getAxis(side).setTextPen(QColor(colours.text.as_hex()))

    def show_patient(
        self,
        points: Sequence[Timepoint],
        volumes: Mapping[str, Sequence[float]],
        classes: Sequence[ClassSpec],
    ) -> None:
        """Draw the volumes, by scan and then by class, of those scans that have some."""
        self.clear()
        self.lines.clear()
        known = [(n, point) for n, point in enumerate(points) if point.scan in volumes]
        days = [point.day for point in points if point.day is not None]
        dated = len(days) == len(points)
        if dated:
            xs = [float((point.day - days[0]).days) for _, point in known if point.day is not None]
        else:
            xs = [float(n) for n, _ in known]
        ticks = None if dated else [[(float(n), point.label) for n, point in enumerate(points)]]
        self.getAxis("bottom").setTicks(ticks)
        self.setLabel("bottom", f"days since {days[0].isoformat()}" if dated else "")
        for index, spec in enumerate(classes):
            ys = [volumes[point.scan][index] for _, point in known]
            pen = pg.mkPen(spec.colour, width=2)
            self.lines[spec.name] = self.plot(
                xs,
                ys,
                pen=pen,
                symbol="o",
                symbolSize=7,
                symbolBrush=spec.colour,
                symbolPen=None,
                name=spec.name,
            )
        self.setYRange(0, max([1.0, *(max(volumes[p.scan]) for _, p in known)]))
