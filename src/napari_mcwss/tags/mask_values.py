"""A check whether masks have the values that are mapped to classes."""

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
    """Collects the values of masks, to tell a mistyped mapping from an absent class.

    Parameters
    ----------
    mapping : mapping of str to sequence of int
        Class name to its values in the masks.

    Examples
    --------
    >>> values = MaskValues({"core": [1, 4], "oedema": [2]})
    >>> values.add(np.array([[0, 1], [2, 2]]))
    >>> values.missing
    []
    """

    def __init__(self, mapping: Mapping[str, Sequence[int]]) -> None:
        self._mapping = mapping
        self._found: set[int] = set()

    def add(self, mask: NDArray[np.integer]) -> None:
        """Add the values of a mask of any shape."""
        self._found.update(np.unique(mask).tolist())

    @property
    def missing(self) -> list[str]:
        """Classes without a voxel in any mask."""
        return [name for name, values in self._mapping.items() if self._found.isdisjoint(values)]

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
        given = {value for values in self._mapping.values() for value in values}
        left_out = self._found - given - {0}
        if self.missing:
            name = self.missing[0]
            text = (
                f"no mask has a value of {name} ({_listed(self._mapping[name])}), found "
                f"{_listed(self._found)}"
            )
            if left_out:
                raise McwssError(
                    f"{text}: name the value of {name}, or give only values of other classes"
                )
            warn(f"{text}: {name} is absent everywhere")
        elif left_out and (absent := given - self._found):
            warn(
                f"no mask has the value {_listed(absent)}; found {_listed(left_out)}, which "
                "belongs to no class"
            )


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(values))) or "none"
