"""Dice against the hours of a reader: a picture of the rows of `accuracy.py`.

    python tests/helpers/run_with_display.py python benchmarks/accuracy_curve.py

Each finished row is a point: its hours, and the Dice of all classes
together, tags of the tested scans unused; of rows of the same name,
which differ in epochs, the best. Bars are the deviation over seeds.
"""

import argparse
from pathlib import Path
from statistics import fmean, pstdev

import numpy as np
import pyqtgraph as pg
from accuracy import FIGURES
from accuracy_methods import METHODS
from accuracy_records import Row, read_rows
from pyqtgraph.exporters import ImageExporter

COHORTS = ("glioma", "hippocampus")
TAGS, BOTH, MASKS = "#0072b2", "#009e73", "#d55e00"
"""Okabe and Ito's blue, green and vermilion: learnt from tags, from both, from masks."""


TEXT = 0.9, 0.035
"""Room that a name takes: in powers of ten hours, and Dice."""


def draw(figures: Path, out: Path) -> None:
    """Draw a plot for each cohort, side by side.

    Parameters
    ----------
    figures : Path
        Their folder.
    out : Path
        PNG file to write.
    """
    pg.mkQApp()
    pg.setConfigOptions(background="w", foreground="k", antialias=True)
    window = pg.GraphicsLayoutWidget(size=(1400, 560))
    cohorts = read_rows(figures)
    for cohort in COHORTS:
        rows = [row for row in cohorts[cohort] if row.finished and row.hours]
        plot = window.addPlot(title=f"{cohort}: Dice of all classes together")
        plot.setLogMode(x=True)
        plot.setXRange(-1.5, 1.7)
        plot.setYRange(0, 1)
        plot.setLabel("bottom", "hours of a reader")
        plot.getAxis("bottom").setTicks([[(np.log10(x), f"{x:g}") for x in (0.1, 0.3, 1, 3, 10)]])
        plot.showGrid(x=True, y=True, alpha=0.2)
        texts: list[tuple[str, float, float]] = []
        best = {row.name: row for row in sorted(rows, key=_dice)}
        for row in sorted(best.values(), key=_dice, reverse=True):
            _add(plot, row, texts)
    window.show()
    ImageExporter(window.scene()).export(str(out))


def _dice(row: Row) -> float:
    return fmean(row.figures("Dice", row.union, row.scans))


def _add(plot: pg.PlotItem, row: Row, texts: list[tuple[str, float, float]]) -> None:
    """Add a row's point and name; `texts` are the places of names so far."""
    given = row.records[0]["settings"].get("masks", 0)
    from_masks = METHODS[row.method].masks
    colour = MASKS if from_masks else BOTH if given else TAGS
    x, y = np.array([row.hours]), np.array([_dice(row)])
    plot.plot(x, y, pen=None, symbol="o", symbolBrush=colour, symbolPen="w", symbolSize=12)
    spread = pstdev(row.figures("Dice", row.union, row.scans))
    bar = pg.ErrorBarItem(x=np.log10(x), y=y, height=np.array([2 * spread]), pen=colour)
    plot.addItem(bar)
    place = float(np.log10(row.hours)), _dice(row)
    near = [(x, y) for c, x, y in texts if (c == TAGS) == (colour == TAGS)]
    while any(abs(place[0] - x) < TEXT[0] and abs(place[1] - y) < TEXT[1] for x, y in near):
        place = place[0], place[1] - TEXT[1]
    texts.append((colour, *place))
    # Tags take the least time: left of them there is room.
    text = pg.TextItem(row.name.replace("`", ""), color=colour, anchor=(colour == TAGS, 1))
    text.setPos(*place)
    plot.addItem(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", type=Path, default=FIGURES, help="their folder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "accuracy.png")
    options = parser.parse_args()
    draw(options.figures, options.out)
