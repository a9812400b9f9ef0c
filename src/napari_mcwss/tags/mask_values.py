"""Whether masks hold the values that a mapping gives to classes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)


class MaskValues:
    """Takes note of what masks hold, to tell a mistyped mapping from a class that is not there.

    Parameters
    ----------
    mapping : mapping of str to sequence of int
        Class name to its values in the masks.

    Examples
    --------
    >>> values = MaskValues({"core": [1, 4], "oedema": [2]})
    >>> values.note(np.array([[0, 1], [2, 2]]))
    >>> values.missed
    []
    """

    def __init__(self, mapping: Mapping[str, Sequence[int]]) -> None:
        self._mapping = mapping
        self._found: set[int] = set()

    def note(self, mask: NDArray[np.integer]) -> None:
        """Take note of a mask of any shape."""
        self._found.update(np.unique(mask).tolist())

    @property
    def missed(self) -> list[str]:
        """Classes of which no mask holds any value."""
        return [name for name, values in self._mapping.items() if self._found.isdisjoint(values)]

    def check(self, warn: Callable[[str], None] = _warn) -> None:
        """Refuse a mapping that misses a class in all masks while it leaves out what they hold.

        Parameters
        ----------
        warn : callable
            Is told of a class that is in no mask although all values are
            given to classes, and of single values that are in none although
            others are left out; a UserWarning if not given.

        Raises
        ------
        McwssError
            If a class is in no mask, and the masks hold values of no class.
        """
        given = {value for values in self._mapping.values() for value in values}
        left_out = self._found - given - {0}
        if self.missed:
            name = self.missed[0]
            text = (
                f"no mask holds a value of {name} ({_listed(self._mapping[name])}), found "
                f"{_listed(self._found)}"
            )
            if left_out:
                raise McwssError(
                    f"{text}: say which of these is {name}, or give values of other classes only"
                )
            warn(f"{text}: {name} is absent everywhere")
        elif left_out and (absent := given - self._found):
            warn(
                f"no mask holds the value {_listed(absent)}; "
                f"{_listed(left_out)} is there and belongs to no class"
            )


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(values))) or "none"
