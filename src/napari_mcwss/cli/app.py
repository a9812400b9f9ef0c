"""The command line."""

import itertools
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from napari_mcwss.api.progress import progress_bar, show_events
from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.text import counted, names_in, names_text, printable
from napari_mcwss.base.version import __version__
from napari_mcwss.cli.changes import classes_app, rename_study, scans_app
from napari_mcwss.cli.encoders import encoders
from napari_mcwss.cli.export import export_app
from napari_mcwss.cli.masks import mask, threshold
from napari_mcwss.cli.measure import measure
from napari_mcwss.cli.models import models_app
from napari_mcwss.cli.options import (
    Device,
    Map,
    Masks,
    ModelName,
    Scans,
    Stacks,
    StudyFolder,
    Unions,
    assignment,
    chosen,
    mapping,
    refuse_joined,
    unions,
)
from napari_mcwss.cli.sample import sample
from napari_mcwss.cli.segment import segment
from napari_mcwss.cli.tags import tags_app
from napari_mcwss.cli.train import train
from napari_mcwss.scans.finding import find_stacks
from napari_mcwss.study.study import Study

ORDER = (
    *("new", "open", "classes", "scans", "rename", "relink", "tags"),
    *("train", "model", "segment", "mask", "threshold", "measure", "evaluate", "export"),
    *("devices", "encoders", "sample", "demo"),
)
"""The commands in the order in which a study needs them."""


class _InOrder(TyperGroup):
    """Lists commands in their order."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    cls=_InOrder,
    help="Segment scans from slice tags alone. Not a medical device.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.add_typer(tags_app, name="tags")
app.add_typer(classes_app, name="classes")
app.add_typer(scans_app, name="scans")
app.add_typer(export_app, name="export")
app.add_typer(models_app, name="model")

app.command("rename", epilog="Example: napari-mcwss rename my-study gliomas")(rename_study)
app.command(
    epilog="Example: napari-mcwss mask my-study --model first --threshold 0.4 "
    "--steps small=0.5,holes"
)(mask)
app.command(
    epilog="Example: napari-mcwss threshold my-study --model first --masks seg --map TC=1,4 "
    "--map ED=2"
)(threshold)
app.command(
    epilog="Example: napari-mcwss train my-study --model first --scans pat0001,pat0005 --minutes 10"
)(train)
app.command(epilog="Example: napari-mcwss segment my-study --model first --scans pat0002")(segment)
app.command(
    epilog="Example: napari-mcwss measure my-study --model first --model second --csv sizes.csv"
)(measure)
app.command(
    epilog="Example: napari-mcwss encoders --download timm/vit_small_patch14_dinov2.lvd142m"
)(encoders)
app.command(epilog="Example: napari-mcwss sample hippocampus")(sample)


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    stderr = Console(stderr=True, soft_wrap=True, markup=False, emoji=False)

    told: set[str] = set()

    def show_warning(message: Warning | str, *_: object, **__: object) -> None:
        # Python itself tells a warning once for each line of code that raises it.
        if str(message) not in told:
            told.add(str(message))
            stderr.print(f"warning: {printable(str(message))}", style="yellow", highlight=False)

    warnings.showwarning = show_warning
    try:
        try:
            app()
        finally:
            # Not at the end of the program, where a full disk is told by a traceback.
            sys.stdout.flush()
    except McwssError as error:
        stderr.print(f"error: {printable(str(error))}", style="red", highlight=False)
        sys.exit(2)
    except OSError as error:
        # Of a stream, such as standard output on a full disk.
        if error.filename is not None:
            raise
        # What waits to be written is not tried again.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        stderr.print(f"error: cannot write the output: {error.strerror}", style="red")
        sys.exit(2)


def _version(show: bool) -> None:
    if show:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: napari-mcwss demo --data glioma --masks seg --map TC=1,4 --map ED=2")
def demo(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to create; by default mcwss-demo, or the next free name."),
    ] = None,
    device: Device = "auto",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of your own scans, as for new, in place of the phantom."),
    ] = None,
    masks: Annotated[
        str | None,
        typer.Option(help="Reference masks of --data, as for tags from-masks: they give the tags."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--map", help="A class and its values in these masks, such as TC=1,4."),
    ] = None,
) -> None:
    """Run the whole method, from tags to a report with pictures, on a phantom or your scans.

    Tags are made of masks. A quarter of the scans is left out of the training, segmented, and
    compared with its masks.
    """
    from napari_mcwss.cli.demo import DemoData, run_demo

    if data is not None and not (masks and values):
        raise McwssError(
            "--data needs --masks, which masks to make tags of, and --map once for each class: "
            "--data glioma --masks seg --map TC=1,4 --map ED=2"
        )
    if data is None and (masks or values):
        raise McwssError("--masks and --map are of your own scans: name their folder with --data")
    own = None
    if data is not None and masks:
        classes = list(dict.fromkeys(assignment(text)[0] for text in values or []))
        own = DemoData(data, masks, mapping(values, classes))
    folder = out or next(name for name in _demo_folders() if not name.exists())
    with progress_bar() as bar, closing(run_demo(folder, device, own)) as events:
        report = show_events(bar, events)
    typer.echo(f"Report: {report}")
    if sys.stdout.isatty():
        typer.launch(str(report))


@app.command(
    epilog="Example: napari-mcwss new my-study --scans glioma --channels t1c,flair "
    "--class TC --class ED"
)
def new(
    study: StudyFolder,
    scans: Annotated[Path, typer.Option(help="Folder of scans: one sub-folder or file per scan.")],
    classes: Annotated[
        list[str], typer.Option("--class", help="A class to look for; once for each class.")
    ],
    channels: Annotated[
        str | None,
        typer.Option(
            help="Channel names, separated by commas; by default red,green,blue of coloured "
            "pictures, else the ends of the file names."
        ),
    ] = None,
    stacks: Stacks = False,
) -> None:
    """Make a study of scans where they are.

    In a sub-folder a channel is the file whose stem is or ends in its name. Folders of nnU-Net,
    the Medical Segmentation Decathlon, BIDS, ISLES, TotalSegmentator, LiTS and AMOS are recognised.
    """
    names = None if channels is None else names_in(channels)
    if names is not None and not names:
        raise McwssError(
            f"--channels {channels!r} names no channel: name them, separated by commas"
        )
    if channels is not None and ";" in channels:
        raise McwssError(f"--channels {channels!r}: separate the names with commas")
    refuse_joined(classes, "--class TC --class ED")
    found = find_stacks(scans) if stacks else scans
    made = Study.create(study, scans=found, channels=names, classes=classes)
    typer.echo(
        f"{made.folder}: {counted(len(made.scan_names), 'scan')}, "
        f"channels {', '.join(made.channels)}, classes {', '.join(made.class_names)}"
    )


@app.command(epilog="Example: napari-mcwss relink my-study --scans /new/place/glioma")
def relink(
    study: StudyFolder,
    scans: Annotated[Path, typer.Option(help="Folder where the scans are now.")],
) -> None:
    """Find scans again, after they or the study were moved."""
    from napari_mcwss.study.relinking import relink as find_again

    opened = Study.open(study)
    found = find_again(opened, scans)
    missing = opened.missing_scans()
    if not (found or missing):
        typer.echo("no scan was missing: nothing was changed")
        return
    left = f"still missing: {names_text(missing, most=20)}" if missing else "no scan is missing now"
    typer.echo(f"found: {names_text(found, most=20)}; {left}")


@app.command(epilog="Example: napari-mcwss devices")
def devices() -> None:
    """List what can be trained and segmented on here, and why a GPU is missing."""
    from napari_mcwss.model.devices import choose_device, list_devices, missing_devices

    for found in list_devices():
        typer.echo(f"{found.name:<8}{found.text}")
    for reason in missing_devices():
        typer.echo(reason)
    typer.echo(f"auto is {choose_device()}")


@app.command(
    epilog="Example: napari-mcwss evaluate my-study --model first --masks seg --map TC=1,4 "
    "--map ED=2 --union WT=TC,ED"
)
def evaluate(
    study: StudyFolder,
    model: ModelName,
    masks: Masks,
    values: Map = None,
    union: Unions = None,
    scans: Scans = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the measurements here.")
    ] = None,
) -> None:
    """Measure masks against reference masks, beside two baselines."""
    from napari_mcwss.measurement.evaluation import evaluate as measure_all
    from napari_mcwss.measurement.tables import evaluation_table

    opened = Study.open(study)
    result = measure_all(
        opened,
        model,
        masks,
        mapping(values, opened.class_names),
        unions=unions(union),
        scans=chosen(scans),
    )
    if json_file is not None:
        with replacing(json_file, parents=True) as path:
            path.write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
    Console(markup=False, emoji=False).print(evaluation_table(result))


@app.command("open", epilog="Example: napari-mcwss open my-study")
def open_in_napari(
    study: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of the study; without it, make or open one in napari.", metavar="STUDY"
        ),
    ] = None,
) -> None:
    """Open napari with the docks, on a study if one is given."""
    try:
        from napari_mcwss.plugin.launch import open_study
    except ImportError as error:
        raise McwssError(
            f"napari cannot be opened here ({error}): install it with pip install "
            "'napari-mcwss[all]'"
        ) from error
    if study is not None:
        Study.open(study)
    open_study(study)


def _demo_folders() -> Iterator[Path]:
    yield Path("mcwss-demo")
    for number in itertools.count(2):
        yield Path(f"mcwss-demo-{number}")
