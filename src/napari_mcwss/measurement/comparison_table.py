"""What was measured of several masks, as a table: on screen, as text, and as CSV."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table

from napari_mcwss.base.files import replacing
from napari_mcwss.measurement.compare_masks import Row

NAMES = {"scan": "Scan", "mask": "Mask", "class": "Class"}
"""Headings of the columns that say what was measured."""

SIZES = {"volume_ml": "mL", "diameter_mm": "Diameter mm", "slices": "Slices"}
"""Headings of the columns of sizes."""

AGREEMENTS = {
    "reference_ml": "Ref. mL",
    "dice": "Dice",
    "hd95_mm": "HD95 mm",
    "surface_mm": "Surf. mm",
    "sensitivity": "Sens.",
    "precision": "Prec.",
}
"""Headings of the columns that compare with a reference."""

COLUMNS = NAMES | SIZES | AGREEMENTS

Value = str | float | int | None


def values_of(row: Row) -> tuple[Value, ...]:
    """Give what a row holds, in the order of `COLUMNS`; None for what is undefined."""
    sizes = [None if row.size is None else getattr(row.size, key) for key in SIZES]
    agreements = [
        None if row.agreement is None else getattr(row.agreement, key) for key in AGREEMENTS
    ]
    defined = [None if value is None or math.isnan(value) else value for value in agreements]
    return (row.scan, row.mask, row.class_name, *sizes, *defined)


def text_of(key: str, value: Value) -> str:
    """Put a value into words: three digits for ratios, one for mm and mL.

    Examples
    --------
    >>> text_of("dice", 0.81264), text_of("volume_ml", 12.34), text_of("hd95_mm", None)
    ('0.813', '12.3', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1f}" if key.endswith(("_mm", "_ml")) else f"{value:.3f}"
    return str(value)


def used_columns(rows: Iterable[Row]) -> list[str]:
    """Give the columns that say something: without a reference, no agreements."""
    compared = any(row.agreement is not None for row in rows)
    return list(COLUMNS if compared else NAMES | SIZES)


def survey_table(rows: Sequence[Row]) -> Table:
    """Return the table for a terminal."""
    table = Table()
    columns = used_columns(rows)
    for key in columns:
        table.add_column(COLUMNS[key], justify="left" if key in NAMES else "right", no_wrap=True)
    before = ("", "")
    for row in rows:
        texts = [text_of(k, v) for k, v in zip(COLUMNS, values_of(row), strict=True)]
        here = texts[0], texts[1]
        if before[0] not in ("", here[0]):
            table.add_section()
        scan, mask = ("" if here[0] == before[0] else here[0]), ("" if here == before else here[1])
        table.add_row(scan, mask, *texts[2 : len(columns)])
        before = here
    return table


def delimited(rows: Sequence[Row], delimiter: str) -> str:
    """Write rows as text that spreadsheets take, undefined values empty."""
    columns = used_columns(rows)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(values_of(row)[: len(columns)] for row in rows)
    return text.getvalue()


def write_survey(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, atomically.

    Raises
    ------
    McwssError
        If it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(delimited(rows, ","), encoding="utf-8")
