"""Make the pictures of *Which preset for which disease*: test scans, done well and done badly.

MCWSS_DATA=... PYTHONPATH=benchmarks python docs/choosing_pictures.py studies docs/images

Trains the rows that are missing in the folder of studies, as `benchmarks/accuracy.py` does, and
shows scans that they did not learn from, segmented without their tags.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from accuracy_cohorts import Bench, cohort_of, make_bench
from accuracy_methods import TAGS_ALONE, learn
from accuracy_rows import main_rows
from matplotlib import patheffects
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from napari_mcwss.measurement.references import ReferenceMasks
from napari_mcwss.segmentation.results import load_mask, load_result
from napari_mcwss.study.study import Study

MODEL = "benchmark"
WIDTH, GAP, ABOVE, BELOW, DPI = 14.72, 0.08, 0.42, 0.5, 100
"""Inches of a figure, between its slices, of their titles and of a legend; pixels an inch."""

Pixels = NDArray[np.floating]


@dataclass(frozen=True)
class Row:
    """A slice of a scan that a method did not learn from.

    Attributes
    ----------
    cohort, method : str
        As in `benchmarks/accuracy.py`.
    scan : str
        The scan.
    slice_index : int
        From 0.
    channel : int, optional
        The one that is shown; if not given, three channels are red, green and blue.
    """

    cohort: str
    method: str
    scan: str
    slice_index: int = 0
    channel: int | None = 0


PICTURES: dict[str, tuple[Row, ...]] = {
    "choosing-glioma": (Row("glioma", "local", "BraTS2021_00006", 70, 1),),
    "choosing-ultrasound": (
        Row("busi", "features", "benign_387"),
        Row("busi", "local", "benign_387"),
    ),
    "choosing-fundus": (Row("idrid_tiles", "features", "IDRiD_66_r0c2", 0, None),),
    "choosing-hippocampus": (Row("hippocampus", "local", "hippocampus_132", 16),),
}
"""Rows of each picture by its name."""


@dataclass(frozen=True, eq=False)
class Layers:
    """What is drawn of a row: a slice, ``(y, x, colour)``, and layers, ``(class, y, x)``.

    Attributes
    ----------
    below, cams, masks, reference : array
        The slice, maps and masks of the method, and the masks of a reader.
    names : dict
        Of the classes in the slice, be it in the mask of the method or of the reader.
    aspect : float
        Height of a pixel in widths.
    legend : dict
        What is said of classes by their colours.
    colours : sequence of str
        Of all classes.
    """

    below: Pixels
    cams: Pixels
    masks: NDArray[np.bool_]
    reference: NDArray[np.bool_]
    names: dict[int, str]
    aspect: float
    legend: dict[str, str]
    colours: Sequence[str]


NAMES = {
    "TC": "tumour core",
    "ED": "oedema",
    "ANT": "anterior part",
    "POST": "posterior part",
}
"""Of classes that have short ones."""


def trained(row: Row, folder: Path) -> Bench:
    """Return the study of a row with its results; trains it if there are none."""
    cohort = cohort_of(row.cohort)
    folder = folder / f"{row.cohort}-{row.method}"
    if folder.is_dir():
        _, masks = cohort.find(folder)
        return Bench(Study.open(folder / "study"), cohort, masks)
    folder.mkdir(parents=True)
    bench = make_bench(cohort, folder)
    scans = bench.study.scan_names
    tested = next(scans for scans in cohort.folds(scans).values() if row.scan in scans)
    config = next(each.config() for each in main_rows(row.cohort) if each.method == row.method)
    training = [scan for scan in scans if scan not in tested]
    _, predict = learn(row.method, bench, config, training, TAGS_ALONE)
    for scan in tested:
        predict(scan)
    return bench


def background(volume: Pixels, row: Row) -> Pixels:
    """Return the slice as ``(y, x, colour)`` in 0..1."""
    if row.channel is None:
        return np.moveaxis(volume[:, row.slice_index], 0, -1) / 255
    values = volume[row.channel]
    low, high = np.percentile(values[values > values.min()], (1, 99.7))
    grey = np.clip((values[row.slice_index] - low) / (high - low), 0, 1)
    repeated: Pixels = grey[..., None].repeat(3, -1)
    return repeated


def lay_over(axes: Axes, shares: Pixels, colours: Sequence[str]) -> None:
    """Lay the classes, ``(class, y, x)`` in 0..1, over a slice; the first one uppermost."""
    for share, colour in list(zip(shares, colours, strict=True))[::-1]:
        filled = np.broadcast_to(to_rgb(colour), (*share.shape, 3))
        axes.imshow(np.dstack([filled, 0.6 * share]), interpolation="nearest", aspect="auto")


def outline(axes: Axes, masks: NDArray[np.bool_], colours: Sequence[str] | None) -> None:
    """Draw the borders of masks, ``(class, y, x)``, in white if no colours are given."""
    for mask, colour in list(zip(masks, colours or ["white"] * len(masks), strict=True))[::-1]:
        if mask.any():
            lines = axes.contour(mask, [0.5], colors=[colour], linewidths=1.6)
            lines.set_path_effects([patheffects.withStroke(linewidth=3, foreground="black")])


def dice(mask: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float | None:
    """Return the Dice overlap of two masks; None if both are empty."""
    total = int(mask.sum() + reference.sum())
    return 2 * int((mask & reference).sum()) / total if total else None


def layers(row: Row, studies: Path) -> Layers:
    """Return what is drawn of a row, cut to what is not black."""
    bench = trained(row, studies)
    study, here = bench.study, row.slice_index
    scan = study.scan(row.scan)
    found = load_result(study, MODEL, row.scan)
    assert found is not None
    labels = np.arange(1, len(study.classes) + 1)[:, None, None, None]
    masks = load_mask(study, MODEL, row.scan) == labels
    reference = ReferenceMasks(study, bench.masks, bench.cohort.values).read(row.scan)
    names = [NAMES.get(name, name.replace("_", " ")) for name in study.class_names]
    below = background(scan.volume(), row)
    bright = np.argwhere(below.sum(-1) > 0)
    box = tuple(map(slice, bright.min(0), bright.max(0) + 1))
    _, height, width = scan.geometry.spacing
    return Layers(
        below[box],
        found.cams[:, here][:, *box],
        masks[:, here][:, *box],
        reference[:, here][:, *box],
        {int(k): names[k] for k in np.flatnonzero((masks | reference)[:, here].any((1, 2)))},
        height / width,
        {
            spec.colour: f"{name}, Dice {overlap:.2f}"
            for spec, name, mask, drawn in zip(study.classes, names, masks, reference, strict=True)
            if (overlap := dice(mask, drawn)) is not None
        },
        [spec.colour for spec in study.classes],
    )


def draw(rows: Sequence[Row], studies: Path, path: Path) -> None:
    """Draw the slices of rows one below the other, each with its legend."""
    parts = [layers(row, studies) for row in rows]
    columns = 2 + max(len(part.names) for part in parts)
    wide = (WIDTH - (columns - 1) * GAP) / columns
    heights = [wide * part.below.shape[0] / part.below.shape[1] * part.aspect for part in parts]
    total = sum(heights) + len(rows) * (ABOVE + BELOW)
    figure = plt.figure(figsize=(WIDTH, total), facecolor="#131416")
    top = total
    for row, part, height in zip(rows, parts, heights, strict=True):
        top -= ABOVE + height
        shown = [("outlines of a reader", np.zeros_like(part.cams))]
        for k, name in part.names.items():
            only = np.arange(len(part.cams))[:, None, None] == k
            shown.append((f"map: {name}", part.cams * only))
        shown.append((f"mask, {row.method}", part.masks.astype(np.float32)))
        for column, (title, shares) in enumerate(shown):
            left = column * (wide + GAP) / WIDTH
            axes = figure.add_axes((left, top / total, wide / WIDTH, height / total))
            axes.imshow(part.below, interpolation="lanczos", aspect="auto")
            lay_over(axes, shares, part.colours)
            outline(axes, part.reference, part.colours if column == 0 else None)
            axes.set_title(title, color="white", fontsize=20)
            axes.axis("off")
        figure.legend(
            handles=[Patch(color=colour, label=text) for colour, text in part.legend.items()],
            loc="center",
            bbox_to_anchor=(0.5, (top - BELOW / 2) / total),
            ncols=4,
            frameon=False,
            labelcolor="white",
            fontsize=18,
        )
        top -= BELOW
    with BytesIO() as file:
        figure.savefig(file, dpi=DPI)
        Image.open(file).convert("RGB").save(path, quality=80, method=6)
    plt.close(figure)


def main(studies: Path, images: Path) -> None:
    """Draw all pictures."""
    matplotlib.use("Agg")
    for name, rows in PICTURES.items():
        draw(rows, studies, images / f"{name}.webp")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
