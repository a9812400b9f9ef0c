"""The commands ``napari-mcwss model``, which share a trained model as one file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_text
from napari_mcwss.cli.options import ModelName, StudyFolder
from napari_mcwss.study.model_states import model_states
from napari_mcwss.study.study import Study

models_app = typer.Typer(help="Share models.", no_args_is_help=True)

ModelFile = Annotated[Path, typer.Argument(help="File of a packed model.", metavar="FILE")]


@models_app.command(
    "pack",
    epilog="Example: napari-mcwss model pack my-study first.zip --model first --licence CC-BY-4.0",
)
def pack(
    study: StudyFolder,
    out: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE")],
    model: ModelName,
    licence: Annotated[str, typer.Option(help="Licence of the model.")] = "not stated",
    data: Annotated[str, typer.Option(help="What it was trained on, in words.")] = "not stated",
    figures: Annotated[
        Path | None, typer.Option(help="Measurements to include: a file of evaluate --json.")
    ] = None,
) -> None:
    """Write a model into one file, without the names of scans."""
    from napari_mcwss.study.model_sharing import pack_model

    pack_model(Study.open(study), model, out, data=data, licence=licence, figures=figures)
    typer.echo(f"{out}: model {model}, {out.stat().st_size / 1e6:.1f} MB")


@models_app.command(
    "unpack", epilog="Example: napari-mcwss model unpack my-study first.zip --model from-anna"
)
def unpack(
    study: StudyFolder,
    file: ModelFile,
    model: Annotated[
        str | None, typer.Option("--model", help="Name of the model here; by default its own.")
    ] = None,
) -> None:
    """Check a shared model and add it to a study."""
    from napari_mcwss.study.model_sharing import unpack_model

    typer.echo(f"model: {unpack_model(Study.open(study), file, model)}")


@models_app.command(
    "info",
    epilog="Example: napari-mcwss model info first.zip, or napari-mcwss model info my-study "
    "--model first",
)
def info(
    file: Annotated[
        Path, typer.Argument(help="File of a packed model, or folder of a study.", metavar="FILE")
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="With a study: the name of its model.")
    ] = None,
) -> None:
    """Describe a model: classes, channels, data, figures, licence."""
    table = Table(show_header=False)
    for label, text in _trained(file, model) if file.is_dir() else _packed(file):
        if text:
            table.add_row(label, text)
    Console(markup=False, emoji=False).print(table)


def _trained(folder: Path, model: str | None) -> Iterator[tuple[str, str]]:
    from napari_mcwss.model.checkpoint import read_info

    study = Study.open(folder)
    if model is None:
        names = names_text([state.label for state in model_states(study)])
        raise McwssError(f"'{folder}' is a study: name one of its models with --model ({names})")
    found = read_info(study.model_folder(model))
    yield from _described(model, found.preset, found.classes, found.channels, found.pixel)
    yield "Trained on", f"{', '.join(found.scans)}; {found.epochs} epochs"
    yield "Validated on", ", ".join(found.validation_scans)
    yield "Trusted masks", ", ".join(found.trusted_scans)
    yield "Note", found.shortcoming
    yield "Trained by", f"napari-mcwss {found.software}"


def _packed(file: Path) -> Iterator[tuple[str, str]]:
    from napari_mcwss.study.model_sharing import read_card

    card = read_card(file)
    yield from _described(card.name, card.preset, card.classes, card.channels, card.pixel)
    yield "Trained on", f"{card.training_scans} scans, {card.epochs} epochs"
    yield "Data", card.data
    yield "Licence", card.licence
    yield "Note", card.shortcoming
    yield "Packed by", f"napari-mcwss {card.software}"
    for name, values in card.figures.items():
        yield f"Figures {name}", _figures(values)


def _described(
    name: str, preset: str, classes: Sequence[str], channels: Sequence[str], pixel: float
) -> Iterator[tuple[str, str]]:
    yield "Model", name
    yield "Preset", preset
    yield "Classes", ", ".join(classes)
    yield "Channels", ", ".join(channels)
    yield "Pixel", f"{pixel:g} mm"


def _figures(values: dict[str, float | None]) -> str:
    return ", ".join(f"{k} {'-' if v is None else f'{v:.3g}'}" for k, v in values.items())
