"""Values that a user types in one line."""

from collections.abc import Sequence

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_in
from napari_mcwss.tags.mask_values import values_of_class


def values_in(text: str, classes: Sequence[str]) -> dict[str, list[int | str]] | None:
    """Read the values of classes that the user has typed; None if there are none."""
    given: dict[str, list[int | str]] = {}
    for part in text.split():
        name, _, values = part.partition("=")
        try:
            if name not in classes:
                raise McwssError(f"no class {name!r}")
            given.setdefault(name, []).extend(values_of_class(values))
        except McwssError as error:
            raise McwssError(
                f"found {part!r}: expected a class and its values, or its name in masks that have "
                f"such: {' '.join(f'{name}={label}' for label, name in enumerate(classes, 1))}"
            ) from error
    return given or None


def unions_in(text: str, classes: Sequence[str]) -> dict[str, list[str]]:
    """Read unions of classes, as ``whole=TC,ED``."""
    unions = {}
    for part in text.split():
        name, _, members = part.partition("=")
        if not (name and names_in(members)):
            raise McwssError(
                f"found {part!r}: expected the name of a union and its classes, such as "
                f"all={','.join(classes)}"
            )
        unions[name] = names_in(members)
    return unions


def numbers_in(text: str) -> list[int] | None:
    """Read whole numbers between commas, as ``12,40``; None if there are none."""
    numbers = names_in(text)
    if wrong := [number for number in numbers if not number.isdecimal()]:
        raise McwssError(f"found {wrong[0]!r}: expected whole numbers, such as 12,40")
    return list(map(int, numbers)) or None
