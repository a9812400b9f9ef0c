"""Measurements as tables: on screen, as text, and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table

from napari_mcwss.base.files import replacing
from napari_mcwss.base.text import cell_text
from napari_mcwss.measurement.compare_masks import AGREEMENTS, Row, Value
from napari_mcwss.measurement.evaluation import Evaluation
from napari_mcwss.measurement.measure import EMPTY_MASK_POLICY, MEASURES, Measurement

HEADINGS = {
    "scan": "Scan",
    "mask": "Mask",
    "class": "Class",
    "volume_ml": "mL",
    "diameter_mm": "Diameter mm",
    "slices": "Slices",
    "pixels": "Pixels",
    "diameter_px": "Diameter px",
    "reference_ml": "Ref. mL",
    "dice": "Dice",
    "hd95_mm": "HD95 mm",
    "surface_mm": "Surf. mm",
    "sensitivity": "Sens.",
    "precision": "Prec.",
}
"""Headings of the values of a row, in their order."""

_IN_PIXELS = ("pixels", "diameter_px")

NOTE = (
    "The empty mask and the location prior (the mean of the training masks) are baselines: "
    f"what masks that ignore the images score on the same scans. {EMPTY_MASK_POLICY}"
)
"""What has to be said beside every table of an evaluation."""


def text_of(key: str, value: Value) -> str:
    """Return a value as text: three digits for ratios, one for mm and mL.

    Examples
    --------
    >>> text_of("dice", 0.81264), text_of("volume_ml", 12.34), text_of("hd95_mm", None)
    ('0.813', '12.3', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1f}" if key.endswith(("_mm", "_ml", "_px")) else f"{value:.3f}"
    return str(value)


def measurement_texts(measurement: Measurement) -> list[str]:
    """Return the measures as texts, in the order of `MEASURES`."""
    return [text_of(key, value) for key, value in measurement.to_json().items()]


def measurement_rows(evaluation: Evaluation) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return scan, class and one text per measure for each row of a table of an evaluation.

    After the scans come the means, then the baselines. A mean over fewer scans than all says over
    how many.
    """
    rows = [
        (scan, name, tuple(measurement_texts(measurement)))
        for scan, measurements in evaluation.scans.items()
        for name, measurement in measurements.items()
    ]
    for name in evaluation.classes:
        counts = [evaluation.count(name, measure) for measure in MEASURES]
        texts = (
            text + (f" (n={n})" if 0 < n < len(evaluation.scans) else "")
            for text, n in zip(measurement_texts(evaluation.mean(name)), counts, strict=True)
        )
        rows.append(("mean", name, tuple(texts)))
    blank = ("",) * (len(MEASURES) - 1)
    for baseline, scores in evaluation.baselines.items():
        rows += [(baseline, name, (f"{dice:.3f}", *blank)) for name, dice in scores.items()]
    return rows


def evaluation_table(evaluation: Evaluation) -> Table:
    """Return the table of an evaluation for a terminal, with the `NOTE` below it."""
    table = Table(caption=NOTE, caption_justify="left")
    table.add_column("Scan", no_wrap=True)
    table.add_column("Class", no_wrap=True)
    for measure in MEASURES:
        table.add_column(HEADINGS[measure], justify="right")
    previous = None
    for scan, name, texts in measurement_rows(evaluation):
        if previous not in (None, scan):
            table.add_section()
        table.add_row("" if scan == previous else scan, name, *texts)
        previous = scan
    return table


def used_columns(rows: Iterable[Row]) -> list[str]:
    """Return the keys of `HEADINGS` that hold values.

    Without a reference there are no agreements, and either mm or pixels may be missing.
    """
    rows = list(rows)
    unused = set() if any(row.agreement is not None for row in rows) else set(AGREEMENTS)
    sizes = [row.size for row in rows if row.size is not None]
    if all(size.pixels is None for size in sizes):
        unused |= set(_IN_PIXELS)
    elif all(size.pixels is not None for size in sizes):
        unused |= {key for key in HEADINGS if key.endswith(("_mm", "_ml"))}
    return [key for key in HEADINGS if key not in unused]


def comparison_table(rows: Sequence[Row]) -> Table:
    """Return the table of compared masks for a terminal."""
    table = Table()
    columns = used_columns(rows)
    for key in columns:
        left = key in ("scan", "mask", "class")
        table.add_column(HEADINGS[key], justify="left" if left else "right", no_wrap=True)
    before = ("", "")
    for row in rows:
        here = row.scan, row.mask
        if before[0] not in ("", row.scan):
            table.add_section()
        record = row.record() | {
            "scan": "" if row.scan == before[0] else row.scan,
            "mask": "" if here == before else row.mask,
        }
        table.add_row(*(text_of(key, record[key]) for key in columns))
        before = here
    return table


def delimited(rows: Sequence[Row], delimiter: str) -> str:
    """Return rows as text that spreadsheets take, undefined values empty."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, used_columns(rows), extrasaction="ignore", delimiter=delimiter, lineterminator="\n"
    )
    writer.writeheader()
    # Layers, files and models may have any name, also one from a stranger.
    for row in rows:
        record = row.record().items()
        writer.writerow({k: cell_text(v) if isinstance(v, str) else v for k, v in record})
    return text.getvalue()


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, atomically."""
    with replacing(path, parents=True) as temporary:
        temporary.write_text(delimited(rows, ","), encoding="utf-8")
