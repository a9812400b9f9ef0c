"""The command that measures masks: how large they are, and how they agree with reference masks."""

import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_mcwss.api.progress import progress_bar, show_problem
from napari_mcwss.base.errors import McwssError
from napari_mcwss.cli.options import (
    OrderMap,
    Scans,
    StudyFolder,
    Unions,
    chosen,
    mapping,
    tell_left_out,
    unions,
)
from napari_mcwss.study.study import Study


def measure(
    study: StudyFolder,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model; repeat the option to compare several."),
    ] = None,
    corrected: Annotated[
        bool, typer.Option("--corrected", help="Also measure the masks corrected by hand.")
    ] = False,
    masks: Annotated[
        str | None,
        typer.Option(
            help="Reference masks to compare with: their name among each scan's files, or a folder."
        ),
    ] = None,
    values: OrderMap = None,
    union: Unions = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            help="Voxel size (z, y, x) in mm of pictures, which do not store it, such as "
            "1,0.2,0.2. Without it they are measured in pixels."
        ),
    ] = None,
    scans: Scans = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Also write the table here.")
    ] = None,
) -> None:
    """Measure masks: volume, largest diameter on a slice, slices touched; pictures in pixels.

    With reference masks also Dice, distances, sensitivity and precision, beside two baselines:
    the empty mask, and the mean of the reference masks of scans that are not measured.
    """
    from napari_mcwss.measurement.compare_masks import Row, compare_masks, missed_in_rows
    from napari_mcwss.measurement.sizes import parse_spacing
    from napari_mcwss.measurement.sources import MaskSource
    from napari_mcwss.measurement.tables import comparison_table, write_rows

    size = None if spacing is None else parse_spacing(spacing)
    opened = Study.open(study)
    sources = [MaskSource.of_model(opened, name) for name in models or []]
    if corrected:
        sources.append(MaskSource.of_corrected(opened))
    if not sources:
        raise McwssError("there is nothing to measure: name a --model, or --corrected masks")
    if masks is None and values:
        raise McwssError("--map gives values of reference masks: name these, too, with --masks")
    reference = None
    if masks is not None:
        given = mapping(values, opened.class_names) if values else None
        reference = MaskSource.of_files(opened, masks, given)
    wanted = chosen(scans)
    for name in wanted or []:
        opened.files(name)
    names = wanted or [s for s in opened.scan_names if any(source.has(s) for source in sources)]
    rows: list[Row] = []
    problems: list[str] = []
    with progress_bar() as bar:
        steps = compare_masks(opened, names, sources, reference, unions=unions(union), spacing=size)
        for found in bar.track(steps, total=len(names), description="measuring"):
            rows += found.rows
            if found.problem:
                problems.append(found.scan)
                show_problem(bar, found.scan, found.problem)
    if rows:
        Console(markup=False, emoji=False).print(comparison_table(rows))
    if names and scans is None:
        tell_left_out(opened.scan_names, names, "of which there is no mask to measure")
    for source in sources:
        for missed in missed_in_rows(opened, source, rows):
            warnings.warn(f"model {source.name}: {missed.text}", stacklevel=1)
    if rows and csv_file is not None:
        write_rows(csv_file, rows)
    if not names:
        raise McwssError("no scan has a mask to measure: segment scans first")
    if problems:
        raise McwssError(
            f"{len(problems)} of {len(names)} scans could not be measured, see above: "
            f"{', '.join(problems)}"
        )
