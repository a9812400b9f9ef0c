"""The commands ``napari-mcwss export``, one for each kind of export."""

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from napari_mcwss.api.exporting import refuse_left_out, run_export, scans_to_export
from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted, names_in
from napari_mcwss.cli.options import (
    ModelName,
    Scans,
    StudyFolder,
    chosen,
    mapping,
    tell_left_out,
    unions,
)
from napari_mcwss.export.kind import ExportKind
from napari_mcwss.export.registry import EXPORTS
from napari_mcwss.study.study import Study

FLAGS = {"values": "--map", "unions": "--union"}
"""Flags of options, where they are not the option's name."""


def _indices(text: str, _: Study) -> list[int]:
    numbers = names_in(text)
    if wrong := [number for number in numbers if not number.isdecimal()]:
        raise McwssError(f"--slices names {wrong[0]!r}: expected whole numbers, such as 12,40")
    return list(map(int, numbers))


_TEXTS: dict[Any, tuple[Any, Callable[[Any, Study], Any]]] = {
    Sequence[int] | None: (str | None, _indices),
    Mapping[str, Sequence[int | str]] | None: (
        list[str] | None,
        lambda texts, study: mapping(texts, study.class_names),
    ),
    Mapping[str, Sequence[str]] | None: (list[str] | None, lambda texts, _: unions(texts)),
}
"""Types that a user writes as text: the type of the text, and how it is read."""


def command_of(kind: ExportKind) -> Callable[..., None]:
    """Make the command of a kind of export."""
    readers = {}
    parameters = [
        _parameter("study", StudyFolder),
        _parameter("out", Annotated[Path, typer.Argument(help=kind.out, metavar="OUT")]),
        _parameter("model", ModelName),
        _parameter("scans", Scans, None),
    ]
    for option in kind.options:
        annotation, about = get_args(option.annotation)
        written, readers[option.name] = _TEXTS.get(annotation, (annotation, lambda value, _: value))
        flags = [FLAGS[option.name]] if option.name in FLAGS else []
        shown = typer.Option(*flags, help=about["tooltip"], min=about.get("min"))
        parameters.append(_parameter(option.name, Annotated[written, shown], option.default))

    def command(study: Path, out: Path, model: str, scans: str | None, **given: Any) -> None:
        opened = Study.open(study)
        names = scans_to_export(opened, model, chosen(scans))
        options = {
            name: readers[name](value, opened)
            for name, value in given.items()
            if value is not None and value != []
        }
        if kind.identity:
            typer.echo(kind.identity, err=True)
        left_out = run_export(kind.name, opened, model, names, out, options)
        typer.echo(f"{out}: {counted(len(names) - len(left_out), 'scan')}")
        if scans is None:
            why = f"not segmented by model {model}: to export them too, segment them first"
            tell_left_out(opened.scan_names, names, why)
        refuse_left_out(left_out, names)

    command.__doc__ = kind.description
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _parameter(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


export_app = typer.Typer(help="Results for other programs.", no_args_is_help=True)
for _kind in EXPORTS.values():
    export_app.command(
        _kind.name,
        epilog=f"Example: napari-mcwss export {_kind.name} my-study --model first {_kind.example}",
    )(command_of(_kind))
