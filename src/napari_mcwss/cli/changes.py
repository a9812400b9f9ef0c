"""The commands that change what a study is made of: its classes, its scans and its name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from napari_mcwss.base.errors import McwssError, first_problem
from napari_mcwss.base.text import counted, names_in
from napari_mcwss.cli.options import Stacks, StudyFolder, assignment, refuse_joined
from napari_mcwss.scans.finding import find_chosen
from napari_mcwss.study.study import ClassSpec, Study
from napari_mcwss.training.checkpoints.unfinished import refuse_while_training

classes_app = typer.Typer(
    help="Add, rename, recolour, order and remove classes.", no_args_is_help=True
)
scans_app = typer.Typer(help="Add and remove scans.", no_args_is_help=True)

Names = Annotated[list[str], typer.Argument(help="Names of classes.", metavar="CLASS...")]


@classes_app.command("list", epilog="Example: napari-mcwss classes list my-study")
def list_classes(study: StudyFolder) -> None:
    """List classes with their colours, priorities and former names, and the removed ones."""
    opened = Study.open(study)
    for spec in opened.classes:
        former = f", before: {', '.join(spec.former)}" if spec.former else ""
        typer.echo(f"{spec.name}: {spec.colour}, priority {spec.priority}{former}")
    for name in opened.known_classes.removed:
        typer.echo(f"{name}: removed; its tags are kept")


@classes_app.command("add", epilog="Example: napari-mcwss classes add my-study necrosis")
def add_classes(study: StudyFolder, names: Names) -> None:
    """Add classes; one that had been removed comes back with its tags."""
    refuse_joined(names, "add my-study TC ED")
    opened = _to_change(study)
    opened.add_classes(names)
    _say_classes(opened)


@classes_app.command("remove", epilog="Example: napari-mcwss classes remove my-study necrosis")
def remove_classes(study: StudyFolder, names: Names) -> None:
    """Remove classes; their tags are kept, and come back once they are added again."""
    opened = _to_change(study)
    _check_known(opened, names)
    opened.change_classes([spec for spec in opened.classes if spec.name not in names])
    _say_classes(opened)


@classes_app.command("rename", epilog="Example: napari-mcwss classes rename my-study ED=oedema")
def rename_classes(
    study: StudyFolder,
    names: Annotated[
        list[str], typer.Argument(help="Old and new name, as ED=oedema.", metavar="OLD=NEW...")
    ],
) -> None:
    """Rename classes; tags, models and results keep their meaning."""
    opened = _to_change(study)
    renamed = dict(map(assignment, names))
    _check_known(opened, renamed)
    _change(opened, {old: {"name": new} for old, new in renamed.items()}, renamed)


@classes_app.command(
    "recolour", epilog="Example: napari-mcwss classes recolour my-study ED=#56B4E9"
)
def recolour_classes(
    study: StudyFolder,
    colours: Annotated[
        list[str],
        typer.Argument(help="Class and colour, as ED=#56B4E9.", metavar="CLASS=COLOUR..."),
    ],
) -> None:
    """Give classes other colours."""
    opened = _to_change(study)
    _change(opened, {name: {"colour": colour} for name, colour in map(assignment, colours)})


@classes_app.command("order", epilog="Example: napari-mcwss classes order my-study ED TC")
def order_classes(study: StudyFolder, names: Names) -> None:
    """Put classes in another order, which is that of keys, colours and labels of new masks."""
    opened = _to_change(study)
    if sorted(names) != sorted(opened.class_names):
        raise McwssError(
            f"found {', '.join(names)}: expected each class of {', '.join(opened.class_names)} once"
        )
    opened.change_classes(names)
    _say_classes(opened)


@scans_app.command("add", epilog="Example: napari-mcwss scans add my-study more-gliomas")
def add_scans(
    study: StudyFolder,
    folder: Annotated[Path, typer.Argument(help="Folder of scans, as of the command new.")],
    stacks: Stacks = False,
) -> None:
    """Add the scans of a folder; one that had been removed comes back with its tags."""
    opened = Study.open(study)
    found = find_chosen(folder, opened.channels, stacks=stacks)
    # Names can change: those made of the names of folders depend on the other folders.
    there = {opened.files(name) for name in opened.scan_names}
    new = {name: files for name, files in found.items() if (*files,) not in there}
    opened.add_scans(new)
    typer.echo(
        f"{opened.folder}: {counted(len(new), 'scan')} added, {len(opened.scan_names)} in all"
    )


@scans_app.command("remove", epilog="Example: napari-mcwss scans remove my-study pat0001,pat0002")
def remove_scans(
    study: StudyFolder,
    scans: Annotated[str, typer.Argument(help="Names of scans, separated by commas.")],
) -> None:
    """Remove scans from the study; their files, tags and results stay where they are."""
    opened = _to_change(study)
    names = names_in(scans)
    opened.remove_scans(names)
    typer.echo(
        f"{opened.folder}: {counted(len(names), 'scan')} removed, {len(opened.scan_names)} left"
    )


def rename_study(
    study: StudyFolder,
    name: Annotated[str, typer.Argument(help="New name of its folder.", metavar="NAME")],
) -> None:
    """Rename a study by renaming its folder."""
    typer.echo(str(_to_change(study).rename(name).folder))


def _to_change(folder: Path) -> Study:
    """Open a study on which no model is in training."""
    study = Study.open(folder)
    refuse_while_training(study)
    return study


def _change(
    study: Study,
    changes: Mapping[str, Mapping[str, str]],
    renamed: Mapping[str, str] | None = None,
) -> None:
    """Change fields of classes by name."""
    _check_known(study, changes)
    try:
        specs = [
            ClassSpec(**spec.model_dump() | dict(changes.get(spec.name, {})))
            for spec in study.classes
        ]
    except ValidationError as error:
        raise McwssError(f"{first_problem(error)}: a colour is written as #56B4E9") from error
    study.change_classes(specs, renamed=renamed)
    _say_classes(study)


def _check_known(study: Study, names: Sequence[str] | Mapping[str, object]) -> None:
    for name in names:
        if name not in study.class_names:
            raise McwssError(f"no class {name!r}: expected {', '.join(study.class_names)}")


def _say_classes(study: Study) -> None:
    typer.echo(f"{study.folder}: classes {', '.join(study.class_names)}")
