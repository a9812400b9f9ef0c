"""A check whether masks have the values that are mapped to classes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.names import same_file
from napari_mcwss.base.text import names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)


class MaskValues:
    """Collects the values of masks, to tell a mistyped mapping from an absent class.

    Parameters
    ----------
    mapping : mapping of str to sequence of int or str
        Class name to its values, or their names, in the masks.

    Examples
    --------
    >>> values = MaskValues({"core": [1, 4], "oedema": [2]})
    >>> values.add([0, 1, 2])
    >>> values.missing
    []
    """

    def __init__(self, mapping: Mapping[str, Sequence[int | str]]) -> None:
        self._mapping = {name: tuple(map(_key, values)) for name, values in mapping.items()}
        self._found: dict[int | str, int | str] = {}

    def add(self, found: Iterable[int | str]) -> None:
        """Add the values of a mask, or their names."""
        for value in found:
            self._found.setdefault(_key(value), value)

    @property
    def missing(self) -> list[str]:
        """Classes without a voxel in any mask."""
        return [
            name for name, values in self._mapping.items() if self._found.keys().isdisjoint(values)
        ]

    def check(self, warn: Callable[[str], None] = _warn) -> None:
        """Check the mapping against the masks.

        Parameters
        ----------
        warn : callable
            Called with a message if a class is in no mask although all values are mapped,
            or if a mapped value is in no mask and others are not mapped; a UserWarning if
            not given.

        Raises
        ------
        McwssError
            If a class is in no mask, and the masks have values of no class.
        """
        wanted = {value for values in self._mapping.values() for value in values}
        kinds = set(map(type, wanted))
        given = {value for value in wanted if type(value) in set(map(type, self._found))}
        # Some masks have numbers and names for the same labels.
        unmapped = [key for key in self._found.keys() - given - {0} if type(key) in kinds]
        left_out = {self._found[key] for key in unmapped}
        if self.missing:
            name = self.missing[0]
            text = (
                f"no mask has a value of {name} ({_listed(self._mapping[name])}), found "
                f"{_listed(self._found.values())}"
            )
            if left_out:
                raise McwssError(
                    f"{text}: name the value of {name}, or give only values of other classes"
                )
            warn(f"{text}: {name} is absent everywhere")
        elif left_out and (absent := given - self._found.keys()):
            warn(
                f"no mask has the value {_listed(absent)}; found {_listed(left_out)}, which "
                "belongs to no class"
            )


def values_of_class(text: str) -> tuple[int, ...] | tuple[str, ...]:
    """Read the values of a class, or the names that it has in masks, separated by commas.

    Raises
    ------
    McwssError
        If there is neither a value nor a name, there are both, or a name begins with no letter.

    Examples
    --------
    >>> values_of_class("1, 4"), values_of_class("liver left,liver right")
    ((1, 4), ('liver left', 'liver right'))
    """
    parts = names_in(text)
    if parts and all(part.isdecimal() for part in parts):
        return tuple(map(int, parts))
    if not parts or not all(part[0].isalpha() for part in parts):
        raise McwssError(
            f"found {text!r}: expected whole numbers, such as 1,4, or names in the masks"
        )
    return tuple(parts)


def _key(value: int | str) -> int | str:
    return same_file(value) if isinstance(value, str) else value


def _listed(values: Iterable[int | str]) -> str:
    numbers = sorted(value for value in values if isinstance(value, int))
    names = sorted(value for value in values if isinstance(value, str))
    return ", ".join([*map(str, numbers), *names]) or "none"
