"""Measurements as a table for the terminal."""

import math

from rich.table import Table

from napari_mcwss.measurement.measure import EMPTY_MASK_POLICY, Evaluation, Measurement

COLUMNS = {
    "dice": "Dice",
    "hd95_mm": "HD95 mm",
    "surface_mm": "Surf. mm",
    "sensitivity": "Sens.",
    "precision": "Prec.",
    "volume_ml": "mL",
    "reference_ml": "Ref. mL",
}
"""Headings of the measures, in their order."""

BASELINES = {"empty": "empty mask", "location_prior": "location prior"}
"""What the baselines are called in tables."""

NOTE = (
    "The empty mask and the location prior (the mean of the training masks) are baselines: "
    f"what masks score on the same scans without a look at them. {EMPTY_MASK_POLICY}"
)
"""What has to be said beside every table."""


def measurement_rows(evaluation: Evaluation) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return what a table of an evaluation says, ready to be shown.

    Returns
    -------
    list of tuple
        Scan, class and one text a measure; after the scans the means, then the
        baselines. A mean over fewer scans than all says over how many.
    """
    rows = [
        (scan, name, tuple(formatted(m, measure) for measure in COLUMNS))
        for scan, measurements in evaluation.scans.items()
        for name, m in measurements.items()
    ]
    for name in evaluation.classes:
        mean = evaluation.mean(name)
        counts = [evaluation.count(name, measure) for measure in COLUMNS]
        texts = (
            formatted(mean, measure) + (f" (n={n})" if 0 < n < len(evaluation.scans) else "")
            for measure, n in zip(COLUMNS, counts, strict=True)
        )
        rows.append(("mean", name, tuple(texts)))
    blank = ("",) * (len(COLUMNS) - 1)
    for baseline, scores in evaluation.baselines.items():
        rows += [
            (BASELINES[baseline], name, (f"{dice:.3f}", *blank)) for name, dice in scores.items()
        ]
    return rows


def measurement_table(evaluation: Evaluation) -> Table:
    """Return the table of an evaluation, with the `NOTE` below it."""
    table = Table(caption=NOTE, caption_justify="left")
    table.add_column("Scan", no_wrap=True)
    table.add_column("Class", no_wrap=True)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right")
    previous = None
    for scan, name, texts in measurement_rows(evaluation):
        if previous not in (None, scan):
            table.add_section()
        table.add_row("" if scan == previous else scan, name, *texts)
        previous = scan
    return table


def formatted(measurement: Measurement, measure: str) -> str:
    """Return one measure as text: three digits for ratios, one for mm and mL."""
    value = getattr(measurement, measure)
    if math.isnan(value):
        return "-"
    return f"{value:.1f}" if measure.endswith(("_mm", "_ml")) else f"{value:.3f}"
