"""The commands ``napari-mcwss model``: a trained model as one file to be shared."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from napari_mcwss.cli_options import ModelName, StudyFolder
from napari_mcwss.project import Study

models_app = typer.Typer(help="Models to be shared.", no_args_is_help=True)

ModelFile = Annotated[Path, typer.Argument(help="File of a packed model.", metavar="FILE")]


@models_app.command(
    "pack",
    epilog="Example: napari-mcwss model pack my-study first.zip --model first --licence CC-BY-4.0",
)
def pack(
    study: StudyFolder,
    out: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE")],
    model: ModelName,
    licence: Annotated[str, typer.Option(help="Under which the model is given.")] = "not stated",
    data: Annotated[str, typer.Option(help="What it was trained on, in words.")] = "not stated",
    figures: Annotated[
        Path | None, typer.Option(help="Measurements to tell: a file of evaluate --json.")
    ] = None,
) -> None:
    """Write a model into one file. Names of scans stay at home."""
    from napari_mcwss.export.model_file import pack_model

    pack_model(Study.open(study), model, out, data=data, licence=licence, figures=figures)
    typer.echo(f"{out}: model {model}, {out.stat().st_size / 1e6:.1f} MB")


@models_app.command(
    "unpack", epilog="Example: napari-mcwss model unpack my-study first.zip --model from-anna"
)
def unpack(
    study: StudyFolder,
    file: ModelFile,
    model: Annotated[
        str | None, typer.Option("--model", help="Its name here; by default the one it had.")
    ] = None,
) -> None:
    """Take a shared model over into a study, after all of it was checked."""
    from napari_mcwss.export.model_file import unpack_model

    typer.echo(f"model: {unpack_model(Study.open(study), file, model)}")


@models_app.command("info", epilog="Example: napari-mcwss model info first.zip")
def info(file: ModelFile) -> None:
    """Say what a shared model is: classes, channels, data, figures, licence."""
    from napari_mcwss.export.model_file import read_card

    card = read_card(file)
    table = Table(show_header=False)
    for label, text in (
        ("Model", card.name),
        ("Preset", card.preset),
        ("Classes", ", ".join(card.classes)),
        ("Channels", ", ".join(card.channels)),
        ("Pixel", f"{card.pixel:g} mm"),
        ("Trained on", f"{card.training_scans} scans, {card.epochs} epochs"),
        ("Data", card.data),
        ("Licence", card.licence),
        ("Packed by", f"napari-mcwss {card.software}"),
        *((f"Figures {name}", _figures(values)) for name, values in card.figures.items()),
    ):
        table.add_row(label, text)
    Console(markup=False).print(table)


def _figures(values: dict[str, float | None]) -> str:
    return ", ".join(f"{k} {'-' if v is None else f'{v:.3g}'}" for k, v in values.items())
