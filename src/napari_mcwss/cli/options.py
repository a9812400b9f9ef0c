"""Options that several commands share, and how their texts are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_in, names_text
from napari_mcwss.segmentation.masks.steps import DEFAULT_STEPS, kinds_text, steps_text
from napari_mcwss.tags.mask_values import values_of_class

StudyFolder = Annotated[Path, typer.Argument(help="Folder of the study.", metavar="STUDY")]
Scans = Annotated[str | None, typer.Option(help="Names of scans, separated by commas.")]
Masks = Annotated[
    str,
    typer.Option(
        help="Name of the mask among each scan's files, or a folder of masks or of a data set."
    ),
]
ModelName = Annotated[str, typer.Option("--model", help="Name of the model.")]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda, cuda:1, mps ...; the command devices lists them.")
]
IgnoreTags = Annotated[
    bool, typer.Option("--ignore-tags", help="Gate slices by the classifier alone.")
]
Thresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        help="CAM value from which a pixel can belong to a class, 0.5 by default: 0.4, or TC=0.4 "
        "for one class.",
    ),
]
Gate = Annotated[
    float, typer.Option(min=0, max=1, help="Score from which a slice can hold a class.")
]
Steps = Annotated[
    str,
    typer.Option(
        help="Steps that improve the mask, in this order, separated by commas: none, or any of "
        f"{kinds_text()}."
    ),
]
Volumes = Annotated[
    list[str] | None,
    typer.Option(
        "--volume",
        help="Known volume of a class where it is present, in mL, with the classes inside it: "
        "TC=2:60, or TC=:60. Its threshold is moved to fit, in each scan.",
    ),
]
_MAP = (
    "Values of a class in the masks, such as TC=1,4, or its names there; once for each class. "
    "Without it, "
)

Map = Annotated[
    list[str] | None,
    typer.Option("--map", help=f"{_MAP}the masks must have the names of the study's classes."),
]
OrderMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help=f"{_MAP}the classes have the values 1, 2, ... in the order of the study, or their "
        "names.",
    ),
]
"""Of commands that also read the masks that this program writes."""


Stacks = Annotated[
    bool,
    typer.Option(
        "--stacks",
        help="Take each folder of pictures as one volume, and its files as slices in the order of "
        "their names.",
    ),
]
Unions = Annotated[
    list[str] | None,
    typer.Option("--union", help="Classes that are also measured together, such as WT=TC,ED."),
]


CANCELLED = 130
"""Exit code of a run that was cancelled, as a shell gives it after Ctrl+C."""

STEPS = steps_text(DEFAULT_STEPS)


def given_options(context: typer.Context) -> dict[str, str]:
    """Return the options that the user has typed, by the names of their parameters."""
    return {
        parameter.name or "": parameter.opts[0]
        for parameter in context.command.params
        if (source := context.get_parameter_source(parameter.name or "")) is not None
        and source.name == "COMMANDLINE"
    }


def chosen(scans: str | None) -> list[str] | None:
    """Return the names in the option ``--scans``; None if it is not given."""
    if scans is None:
        return None
    names = names_in(scans)
    if not names:
        raise McwssError(f"--scans {scans!r} names no scan: name them, separated by commas")
    return names


def tell_left_out(scans: Sequence[str], names: Sequence[str], why: str) -> None:
    """Note on stderr which scans a command without ``--scans`` leaves out, and why."""
    left = set(scans).difference(names)
    if others := [scan for scan in scans if scan in left]:
        typer.echo(f"note: without {names_text(others)}, {why}", err=True)


def refuse_joined(classes: Sequence[str], example: str) -> None:
    """Refuse several names of classes in one word; `example` shows how to give two."""
    for text in classes:
        if "," in text or ";" in text:
            raise McwssError(f"{text!r} looks like several classes: give each one alone: {example}")


def assignment(text: str) -> tuple[str, str]:
    """Return name and values of an option such as ``TC=1,4``."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise McwssError(
            f"{text!r} is no name with values: expected a class and its values, such as TC=1,4"
        )
    return name.strip(), value


def unions(values: Sequence[str] | None) -> dict[str, list[str]]:
    """Return the classes of each union in the options ``--union``."""
    return {name: names_in(members) for name, members in map(assignment, values or [])}


def mapping(
    values: Sequence[str] | None, classes: Sequence[str]
) -> dict[str, tuple[int | str, ...]]:
    """Return the mask values of each class in the options ``--map``."""
    found: dict[str, tuple[int | str, ...]] = {}
    for name, numbers in map(assignment, values or []):
        if name not in classes:
            raise McwssError(
                f"--map: no class {name!r} in this study: expected {', '.join(classes)}"
            )
        try:
            found[name] = (*found.get(name, ()), *values_of_class(numbers))
        except McwssError as error:
            raise McwssError(f"--map {name}: {error}") from error
    return found
