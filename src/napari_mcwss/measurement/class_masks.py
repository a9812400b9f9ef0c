"""Boolean masks of classes, and of unions of classes, from label images."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError

ClassValues = Mapping[str, int | str | Sequence[int | str]]
"""The values of each class in a label image, such as ``{"TC": (1, 4), "ED": 2}``, or names."""


def as_tuples(values: ClassValues) -> dict[str, tuple[int | str, ...]]:
    """Return the values of each class as a tuple.

    Examples
    --------
    >>> as_tuples({"TC": [1, 4], "ED": 2})
    {'TC': (1, 4), 'ED': (2,)}
    """
    return {name: (v,) if isinstance(v, int | str) else tuple(v) for name, v in values.items()}


def class_masks(
    labels: NDArray[np.integer],
    classes: Sequence[str],
    values: Mapping[str, Sequence[int | str]] | None = None,
) -> NDArray[np.bool_]:
    """Split labels ``(z, y, x)``, 0 background, into boolean masks ``(K, z, y, x)``, one per class.

    Parameters
    ----------
    values : mapping, optional
        Values of each class; by default 1 for the first class, 2 for the
        second, and so on. Classes may share values.

    Raises
    ------
    McwssError
        If a class has no values, or `values` names an unknown class.

    Examples
    --------
    >>> labels = np.array([[[0, 1, 2, 4]]])
    >>> class_masks(labels, ["TC", "ED"], {"TC": (1, 4), "ED": (2,)}).astype(int).tolist()
    [[[[0, 1, 0, 1]]], [[[0, 0, 1, 0]]]]
    """
    if values is None:
        return np.stack([labels == k for k in range(1, len(classes) + 1)])
    check_values(values, classes)
    if any(isinstance(value, str) for given in values.values() for value in given):
        raise McwssError("labels have no names: give each class its values, such as TC=1,4")
    return np.stack([np.isin(labels, values[name]) for name in classes])


def check_values(values: Iterable[str], classes: Sequence[str]) -> None:
    """Refuse values that are not given for each of the classes, and no others."""
    if {*values} != {*classes}:
        raise McwssError(
            f"mask values are given for {_listed(values)}, but the classes are "
            f"{_listed(classes)}: give each class its values, such as TC=1,4"
        )


def with_unions(
    classes: Sequence[str], unions: Mapping[str, Sequence[str]] | None
) -> dict[str, list[int]]:
    """Return the indices of the classes that make each class and each union.

    Raises
    ------
    McwssError
        If a union joins unknown classes or has the name of a class.

    Examples
    --------
    >>> with_unions(["TC", "ED"], {"WT": ["TC", "ED"]})
    {'TC': [0], 'ED': [1], 'WT': [0, 1]}
    """
    members = {name: [k] for k, name in enumerate(classes)}
    for union, names in (unions or {}).items():
        unknown = [name for name in names if name not in classes]
        if unknown:
            raise McwssError(
                f"union {union} joins {_listed(unknown)}, but the classes are {_listed(classes)}: "
                "name classes, such as WT=TC,ED"
            )
        if union in classes:
            raise McwssError(f"union {union} has the name of a class: choose another name")
        members[union] = [classes.index(name) for name in names]
    return members


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
