"""The commands ``napari-mcwss tags``: slice tags in, out and counted."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_mcwss.api.progress import progress_bar
from napari_mcwss.base.text import counted
from napari_mcwss.cli.options import Map, Masks, Scans, StudyFolder, chosen, mapping
from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import (
    apply_import,
    export_tags,
    plan_import,
    plan_masks,
    read_tags,
)
from napari_mcwss.tags.agreement import class_agreement, disagreements
from napari_mcwss.tags.table import Tag, TagTable

tags_app = typer.Typer(help="Tags of slices.", no_args_is_help=True)

_TAGS = {"Present": Tag.PRESENT, "Absent": Tag.ABSENT, "Unknown": Tag.UNKNOWN}

EXAMPLES = 5
"""How many conflicts an import shows."""

Overwrite = Annotated[
    bool | None,
    typer.Option(
        "--overwrite/--keep",
        help="Where tags conflict, take the imported ones, or keep those of the study.",
    ),
]


@tags_app.command(
    "from-masks",
    epilog="Example: napari-mcwss tags from-masks my-study --masks seg --map TC=1,4 --map ED=2",
)
def tags_from_masks(
    study: StudyFolder,
    masks: Masks,
    values: Map = None,
    scans: Scans = None,
    overwrite: Overwrite = None,
) -> None:
    """Tag slices from masks: a class is present where a slice has a voxel of its values."""
    opened = Study.open(study)
    class_values = mapping(values, opened.class_names)
    names = chosen(scans) or opened.scan_names
    with progress_bar() as bar:
        plan = plan_masks(
            opened,
            masks,
            class_values,
            names,
            lambda tables, total: bar.track(tables, total=total, description="reading masks"),
        )
    apply_import(opened, plan, overwrite=overwrite)
    for name in names:
        table = opened.tags.read(name)
        counts = (f"{c} {table.count(c)[Tag.PRESENT]}" for c in opened.class_names)
        typer.echo(f"{name}: {counted(len(table.values), 'slice')}, present: {', '.join(counts)}")


@tags_app.command(
    "import", epilog="Example: napari-mcwss tags import my-study reader2.csv --keep --dry-run"
)
def import_tags(
    study: StudyFolder,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files of tags, or the folder of another study of the same scans.",
            metavar="FILE",
        ),
    ],
    overwrite: Overwrite = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
) -> None:
    """Take over tags from CSV or TSV files, or from another study.

    Columns are scan, slice, class, tag (a row a tag), or scan, slice and one a class
    (a row a slice); without scan the file is called like the scan.
    """
    opened = Study.open(study)
    plan = plan_import(opened, files)
    conflicts, counts = plan.conflicts, plan.counts()
    typer.echo(
        f"{counted(len(plan.imported), 'scan')}: {counted(counts.new, 'new tag')}, "
        f"{len(conflicts)} conflicting, {counts.unchanged} the same"
    )
    for conflict in conflicts[:EXAMPLES]:
        typer.echo(f"  {conflict}")
    if len(conflicts) > EXAMPLES:
        typer.echo(f"  and {len(conflicts) - EXAMPLES} more")
    if dry_run:
        typer.echo("Nothing was changed.")
        return
    typer.echo(f"{apply_import(opened, plan, overwrite=overwrite)} tags changed.")


@tags_app.command(
    "export", epilog="Example: napari-mcwss tags export my-study --out my-study-tags.csv"
)
def export(
    study: StudyFolder,
    out: Annotated[Path, typer.Option(help="File to write; an existing one is replaced.")],
) -> None:
    """Write all known tags into one CSV file: scan, slice, class, tag."""
    typer.echo(f"{out}: {export_tags(Study.open(study), out)} tags")


@tags_app.command(
    "status", epilog="Example: napari-mcwss tags status my-study --against reader2.csv"
)
def status(
    study: StudyFolder,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Tags of a second reader, to compare: a file, or the folder of a study.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Count tags for each scan and class, and compare them with a second reader's.

    Of pictures, each line lists the classes that are present, absent and unknown.

    Cohen's kappa is 1 for full agreement and 0 for what chance gives.
    """
    opened = Study.open(study)
    second = {} if against is None else read_tags(opened, [against])
    tables = {scan: opened.tags.read(scan) for scan in opened.scan_names}
    console = Console(markup=False, emoji=False)
    pictures = len(tables) > 1 and all(len(table.values) == 1 for table in tables.values())
    if pictures:
        console.print(_pictures(tables))
    console.print(_counts(tables, opened.class_names, each=not pictures))
    if against is None:
        return
    pairs = {scan: (tables[scan], theirs) for scan, theirs in second.items()}
    console.print(_kappas(list(pairs.values()), opened.class_names))
    for scan, (mine, theirs) in pairs.items():
        different = disagreements(mine, theirs)
        for class_name, column in zip(mine.classes, different.T, strict=True):
            if column.any():
                typer.echo(f"{scan}, {class_name}: slices {_ranges(column)} differ")


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table()
    for heading in texts:
        table.add_column(heading, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _pictures(tables: Mapping[str, TagTable]) -> Table:
    """List the classes of each picture by their tags."""
    listed = Table()
    for heading in ("Scan", *_TAGS):
        listed.add_column(heading, overflow="fold")
    for scan, table in tables.items():
        names = (
            ", ".join(np.array(table.classes)[table.values[0] == tag]) for tag in _TAGS.values()
        )
        listed.add_row(scan, *names)
    return listed


def _counts(tables: Mapping[str, TagTable], classes: Sequence[str], *, each: bool) -> Table:
    """Count tags of `each` scan, and of all together."""
    counts = _table(("Scan", "Class"), tuple(_TAGS))
    rows = [(scan, table.values) for scan, table in tables.items() if each]
    if len(tables) > 1:
        rows.append(("all scans", np.concatenate([table.values for table in tables.values()])))
    for scan, tags in rows:
        counts.add_section()
        for index, class_name in enumerate(classes):
            found = TagTable((class_name,), tags[:, [index]]).count(class_name)
            numbers = (found[tag] for tag in _TAGS.values())
            counts.add_row("" if index else scan, class_name, *map(str, numbers))
    return counts


def _kappas(pairs: Sequence[tuple[TagTable, TagTable]], classes: Sequence[str]) -> Table:
    kappas = _table(("Class",), ("Compared", "Agreed", "Cohen's kappa"))
    for class_name in classes:
        found = class_agreement(pairs, class_name)
        kappa = "-" if math.isnan(found.kappa) else f"{found.kappa:.3f}"
        kappas.add_row(class_name, str(found.compared), str(found.agreed), kappa)
    return kappas


def _ranges(which: NDArray[np.bool_]) -> str:
    """Write the indices of what is true as ``3-5, 9``."""
    texts = []
    runs = itertools.groupby(enumerate(np.flatnonzero(which).tolist()), lambda x: x[1] - x[0])
    for _, run in runs:
        members = [index for _, index in run]
        texts.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
    return ", ".join(texts)
