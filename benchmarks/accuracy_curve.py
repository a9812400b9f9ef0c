"""Dice against the hours of a reader: a picture of the rows of `accuracy.py`.

    python tests/helpers/run_with_display.py python benchmarks/accuracy_curve.py

Each finished row is a point: its hours, and the Dice of all classes
together, tags of the tested scans unused; of rows of the same name,
which differ in epochs, the best. Bars are the deviation over seeds.
"""

import argparse
import re
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


LETTER, POINT, LINE = 0.048, 0.06, 0.03
"""Widths of a letter and half a point, in powers of ten hours, and height of a line, in Dice."""

Box = tuple[float, float, float]
"""Left and right end of a name or point, in powers of ten hours, and its Dice."""


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
    window = pg.GraphicsLayoutWidget(size=(1100, 720))
    cohorts = read_rows(figures)
    for cohort in COHORTS:
        rows = [row for row in cohorts[cohort] if row.finished and row.hours]
        plot = window.addPlot(title=f"{cohort}: Dice of all classes together")
        plot.setLogMode(x=True)
        plot.setXRange(-1.7, 1.7)
        plot.setYRange(0, 1)
        plot.setLabel("bottom", "hours of a reader")
        plot.getAxis("bottom").setTicks([[(np.log10(x), f"{x:g}") for x in (0.1, 0.3, 1, 3, 10)]])
        plot.showGrid(x=True, y=True, alpha=0.2)
        best = {row.name: row for row in sorted(rows, key=_dice)}
        taken = [_point(row) for row in best.values()]
        for row in sorted(best.values(), key=_dice, reverse=True):
            _add(plot, row, taken)
    window.show()
    ImageExporter(window.scene()).export(str(out))


def _dice(row: Row) -> float:
    return fmean(row.figures("Dice", row.union, row.scans))


def _add(plot: pg.PlotItem, row: Row, taken: list[Box]) -> None:
    """Add a row's point and name; `taken` are the places of points and names."""
    given = row.records[0]["settings"].get("masks", 0)
    from_masks = METHODS[row.method].masks
    colour = MASKS if from_masks else BOTH if given else TAGS
    x, y = np.array([row.hours]), np.array([_dice(row)])
    plot.plot(x, y, pen=None, symbol="o", symbolBrush=colour, symbolPen="w", symbolSize=12)
    spread = pstdev(row.figures("Dice", row.union, row.scans))
    bar = pg.ErrorBarItem(x=np.log10(x), y=y, height=np.array([2 * spread]), pen=colour)
    plot.addItem(bar)
    name = re.sub(r"masks given: (\d+)", r"masks: \1", row.name.replace("`", ""))
    # Tags take the least time: left of them there is room.
    left, right, _ = _point(row)
    start, length = (left, -1) if colour == TAGS else (right, 1)
    left, right = sorted((start, start + length * LETTER * len(name)))
    # At the point, or as near above or below it as other names leave room.
    offsets = sorted(np.arange(-20, 21) * LINE / 2, key=abs)
    heights = (_dice(row) + offset for offset in offsets)
    height = next(height for height in heights if not _covers((left, right, height), taken))
    taken.append((left, right, height))
    text = pg.TextItem(name, color=colour, anchor=(colour == TAGS, 0.5))
    text.setPos(start, height)
    plot.addItem(text)


def _point(row: Row) -> Box:
    place = float(np.log10(row.hours))
    return place - POINT, place + POINT, _dice(row)


def _covers(box: Box, others: list[Box]) -> bool:
    left, right, height = box
    return any(left < r and right > x and abs(height - y) < LINE for x, r, y in others)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", type=Path, default=FIGURES, help="their folder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "accuracy.png")
    options = parser.parse_args()
    draw(options.figures, options.out)
