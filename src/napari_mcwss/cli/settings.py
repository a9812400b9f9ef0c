"""Options that are generated from the fields of some settings."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from napari_mcwss.base.settings import shown


def with_settings(model: type[BaseModel]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds an option for each field of some settings to a command.

    The options replace its parameter ``settings``, which gets a dictionary of their values by the
    names of the fields.
    """
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=_option(name, field),
        )
        for name, field in model.model_fields.items()
        if shown(field).option
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_options(**given: Any) -> None:
            command(settings={option.name: given.pop(option.name) for option in options}, **given)

        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            parameters += options if parameter.name == "settings" else [parameter]
        with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_options

    return decorate


def _option(name: str, field: FieldInfo) -> Any:
    text, choices = field.description or "", shown(field).choices
    if choices is not None:
        text += f": {'; '.join(choice.title for choice in choices().values())}."
    # Named here, a switch gets no second name that turns it off.
    return Annotated[field.annotation, typer.Option(f"--{name.replace('_', '-')}", help=text)]
