"""The commands ``napari-mcwss export``: results in the form that other programs read."""

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_mcwss.api.progress import progress_bar, show_problem
from napari_mcwss.base.errors import McwssError
from napari_mcwss.cli.options import (
    ModelName,
    Scans,
    StudyFolder,
    Unions,
    chosen,
    mapping,
    split,
    unions,
)
from napari_mcwss.study.study import Study

if TYPE_CHECKING:
    from napari_mcwss.export.cases import ExportOutcome

export_app = typer.Typer(help="Results for other programs.", no_args_is_help=True)

Out = Annotated[Path, typer.Argument(help="Folder to make.", metavar="OUT")]


@export_app.command(
    "nnunet",
    epilog="Example: napari-mcwss export nnunet my-study --model first Dataset501_Glioma",
)
def nnunet(study: StudyFolder, out: Out, model: ModelName, scans: Scans = None) -> None:
    """Write a data set for nnU-Net v2, in which doubtful pixels are to be ignored."""
    from napari_mcwss.export.nnunet import export_nnunet

    opened, names = _opened(study, model, scans)
    _follow(export_nnunet(opened, model, names, out), names, out)


@export_app.command(
    "bids", epilog="Example: napari-mcwss export bids my-study --model first derivatives"
)
def bids(study: StudyFolder, out: Out, model: ModelName, scans: Scans = None) -> None:
    """Write masks and CAMs as a BIDS derivative."""
    from napari_mcwss.export.bids import export_bids

    opened, names = _opened(study, model, scans)
    _follow(export_bids(opened, model, names, out), names, out)


@export_app.command(
    "figures", epilog="Example: napari-mcwss export figures my-study --model first figures"
)
def figures(
    study: StudyFolder,
    out: Out,
    model: ModelName,
    scans: Scans = None,
    channel: Annotated[
        str | None, typer.Option(help="Shown under CAMs and masks; by default the first.")
    ] = None,
    slices: Annotated[
        str | None,
        typer.Option(help="Indices from 0, separated by commas; by default where most is found."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Slices of each scan, if not named.")] = 3,
) -> None:
    """Draw slices as PNG: scan, CAMs and mask side by side, with scale bar and legend."""
    from napari_mcwss.export.figures import export_figures

    opened, names = _opened(study, model, scans)
    indices = None if slices is None else [_index(text) for text in split(slices)]
    steps = export_figures(opened, model, names, out, channel=channel, slices=indices, count=count)
    _follow(steps, names, out)


@export_app.command(
    "report",
    epilog="Example: napari-mcwss export report my-study --model first report.html --masks seg "
    "--map TC=1,4 --map ED=2",
)
def report(
    study: StudyFolder,
    out: Annotated[Path, typer.Argument(help="File to write.", metavar="OUT")],
    model: ModelName,
    scans: Scans = None,
    channel: Annotated[
        str | None, typer.Option(help="Shown under CAMs and masks; by default the last.")
    ] = None,
    masks: Annotated[
        str | None,
        typer.Option(
            help="Reference masks to measure against: their name among each scan's files, or a "
            "folder."
        ),
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--map", help="Mask values of a class, as TC=1,4.")
    ] = None,
    union: Unions = None,
) -> None:
    """Write one HTML file for a browser: pictures, measurements, training."""
    from napari_mcwss.export.study_report import References, report_study

    opened, names = _opened(study, model, scans)
    if masks is None and (values or union):
        raise McwssError("--map and --union are about reference masks: name these with --masks")
    references = None
    if masks is not None:
        mapped = mapping(values or [], opened.class_names)
        references = References(masks, mapped, unions(union))
    steps = report_study(opened, model, names, out, channel=channel, references=references)
    _follow(steps, names, out)


@export_app.command(
    "dicom-seg",
    epilog="Example: napari-mcwss export dicom-seg my-study --model first segmentations",
)
def dicom_seg(
    study: StudyFolder,
    out: Out,
    model: ModelName,
    dicom: Annotated[
        Path | None,
        typer.Option(
            help="For scans that were converted from DICOM: a folder with a sub-folder for each "
            "scan, of its name, that holds its series; or that of the only scan."
        ),
    ] = None,
    scans: Scans = None,
) -> None:
    """Write masks as DICOM segmentations of the series that the scans were read from."""
    from napari_mcwss.export.dicom_seg import export_dicom_seg

    opened, names = _opened(study, model, scans)
    _follow(export_dicom_seg(opened, model, names, out, dicom), names, out)


def _opened(study: Path, model: str, scans: str | None) -> tuple[Study, Sequence[str]]:
    from napari_mcwss.model.checkpoint import read_info

    opened = Study.open(study)
    info = read_info(opened.model_folder(model))
    info.check(opened.channels, opened.class_names)
    names = chosen(scans) or opened.scan_names
    for name in names:
        opened.files(name)
    return opened, list(dict.fromkeys(names))


def _follow(
    outcomes: "Generator[ExportOutcome, None, None]", names: Sequence[str], out: Path
) -> None:
    """Draw progress; name what was left out at the end."""
    problems = []
    # Closed whatever happens, an export takes its unfinished folder away.
    with progress_bar() as bar, closing(outcomes) as steps:
        for outcome in bar.track(steps, total=len(names), description="exporting"):
            if outcome.problem is not None:
                problems.append(outcome)
                show_problem(bar, outcome.scan, outcome.problem)
    typer.echo(f"{out}: {len(names) - len(problems)} scans")
    if problems:
        raise McwssError(
            f"{len(problems)} of {len(names)} scans were left out: "
            f"{', '.join(outcome.scan for outcome in problems)}: mend them and export again"
        )


def _index(text: str) -> int:
    if not text.isdecimal():
        raise McwssError(f"--slices names {text!r}: expected whole numbers, as 12,40")
    return int(text)
