"""The curves of a training while it runs."""

from collections import defaultdict
from collections.abc import Mapping

import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_mcwss.plugin.shared.rows import stack

COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442")
"""Colours of Okabe and Ito's palette that are visible on dark and light backgrounds."""

BESIDE = "beside"
"""Suffix of the curves of a second training."""

DRAWING_INTERVAL = 100
"""Least milliseconds between two drawings."""


class Curves(QWidget):  # type: ignore[misc]
    """Plots of the losses and the validation of a training, by epochs.

    `lines` has the curves by name: ``batches``, ``total``, the loss terms, and ``AUC <class>``;
    those of a second training end in ``beside``. `validation` is hidden until it has a curve.
    """

    def __init__(self, theme: str) -> None:
        super().__init__()
        self.losses = _plot("loss")
        self.validation = _plot("AUC")
        self.validation.setYRange(0, 1, padding=0.12)
        self.validation.getAxis("left").setTicks([[(0, "0"), (0.5, "0.5"), (1, "1")]])
        self.validation.setXLink(self.losses)
        self.validation.setFixedHeight(130)
        self.losses.setMinimumHeight(120)
        self.legend = QLabel(textFormat=Qt.TextFormat.RichText, wordWrap=True)
        # The minimum size of a label ignores its wrapped lines.
        self.legend.setMinimumHeight(3 * self.legend.fontMetrics().lineSpacing() + 4)
        stack(self, self.legend, self.losses, self.validation)
        self.layout().setStretch(1, 1)
        self.lines: dict[str, pg.PlotDataItem] = {}
        self._terms: dict[str, int] = {}
        self._points: dict[str, tuple[list[float], list[float]]] = {}
        self._new: set[str] = set()
        self._timer = QTimer(self, singleShot=True, interval=DRAWING_INTERVAL, timeout=self.draw)
        self._colours: Mapping[str, str] = {}
        self._text = "w"
        self.set_theme(theme)
        self.clear({})

    def set_theme(self, theme: str) -> None:
        """Apply the colours of a napari theme, to curves once they are cleared."""
        colours = get_theme(theme)
        self._text = colours.text.as_hex()
        for plot in (self.losses, self.validation):
            plot.setBackground(colours.background.as_hex())
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(colours.secondary.as_hex())
                plot.getAxis(side).setTextPen(self._text)

    def clear(self, colours: Mapping[str, str]) -> None:
        """Remove all curves, and set the colour ``#rrggbb`` of each class of a new training."""
        self._colours = colours
        for plot in (self.losses, self.validation):
            plot.clear()
        self.lines.clear()
        self._new.clear()
        self._terms.clear()
        self.legend.clear()
        self._points = defaultdict(lambda: ([], []))
        self.validation.hide()
        self.losses.showAxis("bottom")

    def add_batch(self, epochs: float, total: float) -> None:
        """Add the loss of a batch, which ended after so many epochs, fractions included."""
        if "batches" not in self.lines:
            faint = pg.mkColor(self._text)
            faint.setAlpha(70)
            self.lines["batches"] = self.losses.plot(pen=pg.mkPen(faint, width=1))
        self._add("batches", epochs, total)

    def add_epoch(
        self,
        epoch: int,
        losses: Mapping[str, float],
        validation: Mapping[str, float],
        *,
        beside: bool = False,
    ) -> None:
        """Add the mean losses and AUCs of an epoch, from 1; dashed for a training `beside`."""
        for name, value in losses.items():
            # Later stages have other terms.
            index = self._terms.setdefault(name, len(self._terms))
            colour = self._text if name == "total" else COLOURS[index % len(COLOURS)]
            self._add_to(self.losses, name, epoch, value, colour, beside=beside)
        for name, value in validation.items():
            self.validation.show()
            self.losses.hideAxis("bottom")  # the plot below shows the same axis
            colour = self._colours.get(name) or self._text
            self._add_to(self.validation, f"AUC {name}", epoch, value, colour, beside=beside)

    def draw(self) -> None:
        """Draw the points added since the last time."""
        for name in self._new:
            self.lines[name].setData(*self._points[name])
        self._new.clear()

    def _add_to(
        self,
        plot: pg.PlotWidget,
        name: str,
        epoch: float,
        value: float,
        colour: str,
        *,
        beside: bool,
    ) -> None:
        line = f"{name} {BESIDE}" if beside else name
        if line not in self.lines:
            style = Qt.PenStyle.DashLine if beside else Qt.PenStyle.SolidLine
            self.lines[line] = plot.plot(
                pen=pg.mkPen(colour, width=3 if name == "total" else 2, style=style),
                symbol="o",
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
            )
            self._explain(name, colour)
        self._add(line, epoch, value)

    def _explain(self, name: str, colour: str) -> None:
        entry = f"<span style='color:{colour}'>&#9632;</span>&nbsp;{name}"
        before = self.legend.text()
        if entry not in before:  # both trainings have it
            self.legend.setText(f"{before} &nbsp; {entry}" if before else entry)

    def _add(self, name: str, x: float, y: float) -> None:
        xs, ys = self._points[name]
        xs.append(x)
        ys.append(y)
        self._new.add(name)
        if not self._timer.isActive():
            self._timer.start()


def _plot(quantity: str) -> pg.PlotWidget:
    plot = pg.PlotWidget()
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.showGrid(y=True, alpha=0.15)
    plot.setLabel("left", quantity)
    plot.setLabel("bottom", "epoch")
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(False)  # losses and epochs have no unit to scale
    plot.getAxis("left").setWidth(48)  # lines up the two plots
    plot.getPlotItem().setContentsMargins(0, 4, 8, 8)
    plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return plot
