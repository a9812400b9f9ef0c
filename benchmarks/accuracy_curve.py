"""Dice against the hours of a reader: a picture of the rows of `accuracy.py`.

    python tests/run_with_display.py python benchmarks/accuracy_curve.py

Each finished row is a point: its hours, and the Dice of all classes
together, tags of the tested scans unused. Bars are the deviation over seeds.
"""

import argparse
from pathlib import Path
from statistics import fmean, pstdev

import numpy as np
import pyqtgraph as pg
from accuracy import FIGURES
from accuracy_table import Row, read_rows
from pyqtgraph.exporters import ImageExporter

COHORTS = ("glioma", "hippocampus")
TAGS, BOTH, MASKS = "#0072b2", "#009e73", "#d55e00"
"""Okabe and Ito's blue, green and vermilion: learnt from tags, from both, from masks."""


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
        plot.setXRange(-1, 1.2)
        plot.setYRange(0, 1)
        plot.setLabel("bottom", "hours of a reader")
        plot.getAxis("bottom").setTicks([[(np.log10(x), f"{x:g}") for x in (0.1, 0.3, 1, 3, 10)]])
        plot.showGrid(x=True, y=True, alpha=0.2)
        for row in rows:
            _add(plot, row)
    window.show()
    ImageExporter(window.scene()).export(str(out))


def _add(plot: pg.PlotItem, row: Row) -> None:
    values = row.figures("Dice", row.union, row.scans)
    given = row.records[0]["settings"].get("masks", 0)
    from_masks = row.method in ("location_prior", "supervised")
    colour = MASKS if from_masks else BOTH if given else TAGS
    x, y = np.array([row.hours]), np.array([fmean(values)])
    plot.plot(x, y, pen=None, symbol="o", symbolBrush=colour, symbolPen="w", symbolSize=12)
    bar = pg.ErrorBarItem(x=np.log10(x), y=y, height=np.array([2 * pstdev(values)]), pen=colour)
    plot.addItem(bar)
    # Where there is room.
    text = pg.TextItem(row.name.replace("`", ""), color=colour, anchor=(row.hours > 1, 1))
    text.setPos(np.log10(row.hours), fmean(values))
    plot.addItem(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", type=Path, default=FIGURES, help="their folder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "accuracy.png")
    options = parser.parse_args()
    draw(options.figures, options.out)
