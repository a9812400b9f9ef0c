"""How a field of some settings is shown: as an option of the command line, in a form of a dock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from pydantic.fields import FieldInfo


class Choice(Protocol):
    """One of the values that a field can have."""

    @property
    def title(self) -> str:
        """Its name, with a remark."""

    @property
    def summary(self) -> str:
        """What it means, in one line."""


@dataclass(frozen=True)
class Shown:
    """What its title, its description and its type do not say about a field.

    Attributes
    ----------
    option, form : bool
        Whether it is an option of the command line, and has a widget in forms.
    step : float, optional
        By how much a click changes the number.
    choices : callable, optional
        Returns the values that the field can have.
    """

    option: bool = True
    form: bool = True
    unit: str = ""
    step: float | None = None
    choices: Callable[[], Mapping[str, Choice]] | None = None


def shown(field: FieldInfo) -> Shown:
    """Return how a field is shown."""
    return next((item for item in field.metadata if isinstance(item, Shown)), Shown())


def value_type(field: FieldInfo) -> tuple[Any, bool]:
    """Return the type of a field without None, and whether the field can be None."""
    types = get_args(field.annotation)
    if type(None) not in types:
        return field.annotation, False
    return next(kind for kind in types if kind is not type(None)), True


def limit(field: FieldInfo, *names: str) -> Any:
    """Return the first of some limits, such as ``ge`` and ``gt``, that a field has."""
    found = (getattr(item, name, None) for item in field.metadata for name in names)
    return next((value for value in found if value is not None), None)
