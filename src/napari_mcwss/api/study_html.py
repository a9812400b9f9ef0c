"""A study as a notebook shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mcwss.api.html import html_table
from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.model_states import model_states
from napari_mcwss.tags.table import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_mcwss.study.study import Study

SHOWN = 20
"""Scans that are shown at most."""

COUNTED = {Tag.PRESENT: "present", Tag.ABSENT: "absent", Tag.UNKNOWN: "unknown"}


def study_html(study: Study) -> str:
    """Return a table of scans with their tags counted per class, models and results, as HTML."""
    counted = " / ".join(COUNTED.values())
    headings = ["Scan", "Slices", *(f"{name}: {counted}" for name in study.class_names)]
    title = (
        f"Study {study.folder.name}: channels {', '.join(study.channels)}; "
        f"models {', '.join(state.label for state in model_states(study)) or 'none'}"
    )
    return html_table(title, [*headings, "Segmented by"], _rows(study))


def _rows(study: Study) -> Iterator[list[object]]:
    for scan in study.scan_names[:SHOWN]:
        try:
            yield [scan, *_counts(study, scan), ", ".join(_segmented_by(study, scan))]
        except McwssError as error:
            yield [scan, error]
    if len(study.scan_names) > SHOWN:
        yield [f"and {len(study.scan_names) - SHOWN} more"]


def _counts(study: Study, scan: str) -> list[object]:
    table = study.tags.read(scan)
    counts = (table.count(name) for name in study.class_names)
    return [len(table.values), *(" / ".join(str(c[tag]) for tag in COUNTED) for c in counts)]


def _segmented_by(study: Study, scan: str) -> Sequence[str]:
    models = study.model_names()
    if not models:
        return ()
    # This loads torch, which takes seconds.
    from napari_mcwss.segmentation.results import has_result

    return [name for name in models if has_result(study, name, scan)]
