"""The curves of a training while it runs."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import stack

COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442")
"""Colours of Okabe and Ito's palette; `Curves` darkens or lightens them for the background."""

NEXT_STEPS = {
    "contrast": "it tells apart classes that lie inside each other",
    "cross_entropy": "the second stage learns from masks",
    "dice": "the second stage learns from masks",
}
"""Loss terms of later phases and stages, in words."""

BESIDE = "beside"
"""Suffix of the curves of a second training."""

HEIGHT = 130
"""Least height of the plot of the losses, in pixels."""

DRAWING_INTERVAL = 100
"""Least milliseconds between two drawings."""


@dataclass(frozen=True)
class _Look:
    """How a curve looks; its colour is that of the text if it has none of its own."""

    entry: str
    colour: str = ""
    width: int = 2
    beside: bool = False


class Curves(QWidget):  # type: ignore[misc]
    """Plots of the losses and the validation of a training, by epochs.

    `lines` has the curves by name: ``batches``, ``total``, the loss terms, and ``AUC <class>``;
    those of a second training end in ``beside``. `validation` is hidden until it has a curve, of
    which `grown` tells, and `phases` tells where the losses become others.
    """

    grown = Signal()

    def __init__(self, theme: str) -> None:
        super().__init__()
        self.losses = _plot("loss")
        self.validation = _plot("AUC")
        self.validation.setYRange(0, 1, padding=0.12)
        self.validation.getAxis("left").setTicks([[(0, "0"), (0.5, "0.5"), (1, "1")]])
        self.validation.setXLink(self.losses)
        self.validation.setFixedHeight(110)
        self.losses.setMinimumHeight(HEIGHT)
        self.legend = Note(textFormat=Qt.TextFormat.RichText)
        self.phases = Note(textFormat=Qt.TextFormat.PlainText)
        stack(self, self.legend, self.phases, self.losses, self.validation)
        self.layout().setStretch(2, 1)
        self.lines: dict[str, pg.PlotDataItem] = {}
        self._looks: dict[str, _Look] = {}
        self._terms: dict[str, int] = {}
        self._before: frozenset[str] = frozenset()
        self._points: dict[str, tuple[list[float], list[float]]] = {}
        self._new: set[str] = set()
        self._timer = QTimer(self, singleShot=True, interval=DRAWING_INTERVAL, timeout=self.draw)
        self._colours: Mapping[str, str] = {}
        self._text = self._ground = QColor("white")
        self.set_theme(theme)
        self.clear({})

    def set_theme(self, theme: str) -> None:
        """Apply the colours of a napari theme."""
        colours = get_theme(theme)
        self._text = QColor(colours.text.as_hex())
        self._ground = QColor(colours.background.as_hex())
        for plot in (self.losses, self.validation):
            plot.setBackground(self._ground)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(colours.secondary.as_hex())
                plot.getAxis(side).setTextPen(self._text)
        for name in self.lines:
            self._colour(name)
        self._explain()

    def clear(self, colours: Mapping[str, str]) -> None:
        """Remove all curves, and set the colour ``#rrggbb`` of each class of a new training."""
        self._colours = colours
        for plot in (self.losses, self.validation):
            plot.clear()
        self.lines.clear()
        self._looks.clear()
        self._new.clear()
        self._terms.clear()
        self._before = frozenset()
        self.legend.clear()
        self.phases.clear()
        self._points = defaultdict(lambda: ([], []))
        self.validation.hide()
        self.losses.showAxis("bottom")

    def add_batch(self, epochs: float, total: float) -> None:
        """Add the loss of a batch, which ended after so many epochs, fractions included."""
        self._draw_in(self.losses, "batches", _Look("", width=1))
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
        suffix = f" {BESIDE}" if beside else ""
        if not beside:
            self._mark_phase(epoch, frozenset(losses))
        for name, value in losses.items():
            # Later stages have other terms.
            index = self._terms.setdefault(name, len(self._terms))
            colour = "" if name == "total" else COLOURS[index % len(COLOURS)]
            look = _Look(name, colour, 3 if name == "total" else 2, beside)
            self._draw_in(self.losses, f"{name}{suffix}", look)
            self._add(f"{name}{suffix}", epoch, value)
        if validation and self.validation.isHidden():
            self.validation.show()
            self.losses.hideAxis("bottom")  # the plot below shows the same axis
            self.grown.emit()
        for name, value in validation.items():
            look = _Look(f"AUC {name}", self._colours.get(name, ""), beside=beside)
            self._draw_in(self.validation, f"AUC {name}{suffix}", look)
            self._add(f"AUC {name}{suffix}", epoch, value)

    def draw(self) -> None:
        """Draw the points added since the last time."""
        for name in self._new:
            self.lines[name].setData(*self._points[name])
        self._new.clear()

    def _mark_phase(self, epoch: int, terms: frozenset[str]) -> None:
        """Explain why the loss jumps where a training goes on to other terms."""
        new = terms - self._before
        if self._before and new and epoch > 1:
            pen = pg.mkPen(self._on_ground("#888888"), style=Qt.PenStyle.DotLine)
            self.losses.addItem(pg.InfiniteLine(epoch - 0.5, pen=pen))
            told = sorted({NEXT_STEPS[name] for name in new & NEXT_STEPS.keys()})
            if others := sorted(new - NEXT_STEPS.keys()):
                told.append(f"new terms: {', '.join(others)}")
            line = (
                f"From epoch {epoch} on, the loss is computed in another way "
                f"({'; '.join(told)}): do not compare it with the epochs before."
            )
            self.phases.setText("\n".join(filter(None, (self.phases.text(), line))))
        self._before = terms

    def _draw_in(self, plot: pg.PlotWidget, line: str, look: _Look) -> None:
        """Make the curve of a name, unless there is one."""
        if line not in self.lines:
            self._looks[line] = look
            self.lines[line] = plot.plot()
            self._colour(line)
            self._explain()

    def _colour(self, line: str) -> None:
        look, curve = self._looks[line], self.lines[line]
        colour = self._on_ground(look.colour)
        if not look.entry:
            colour.setAlpha(70)
        style = Qt.PenStyle.DashLine if look.beside else Qt.PenStyle.SolidLine
        curve.setPen(pg.mkPen(colour, width=look.width, style=style))
        if look.entry:
            curve.setSymbol("o")
            curve.setSymbolSize(5)
            curve.setSymbolBrush(colour)
            curve.setSymbolPen(None)

    def _on_ground(self, colour: str) -> QColor:
        """Return a colour that is seen on the theme's background; by default, that of its text."""
        shown = QColor(colour) if colour else QColor(self._text)
        if self._ground.lightness() > 127 and shown.lightness() > 110:
            shown = shown.darker(140)
        elif self._ground.lightness() <= 127 and shown.lightness() < 90:
            shown = shown.lighter(140)
        return shown

    def _explain(self) -> None:
        """List the curves, each class once."""
        entries: dict[str, str] = {}
        for look in self._looks.values():
            if look.entry:
                colour = self._on_ground(look.colour).name()
                name = escape(look.entry).replace(" ", "&nbsp;")
                entries[look.entry] = f"<span style='color:{colour}'>&#9632;</span>&nbsp;{name}"
        self.legend.setText(" &nbsp; ".join(entries.values()))

    def _add(self, name: str, x: float, y: float) -> None:
        xs, ys = self._points[name]
        xs.append(x)
        ys.append(y)
        self._new.add(name)
        if not self._timer.isActive():
            self._timer.start()


class _Plot(pg.PlotWidget):  # type: ignore[misc]
    """A plot that is as high as there is room for; of its own, it would want a whole screen."""

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Want the least height at which a curve can be read."""
        return QSize(200, HEIGHT)


def _plot(quantity: str) -> _Plot:
    plot = _Plot()
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
