"""What a model found, in the order of the study's classes as they are now.

Classes may have been added, renamed, reordered or removed since the model was trained.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.study.study import Study

Scalar = TypeVar("Scalar", bound=np.generic)


def in_study_order(
    study: Study,
    values: NDArray[Scalar],
    classes: Sequence[str],
    *,
    axis: int = 0,
    missing: Any = 0,
) -> NDArray[Scalar]:
    """Arrange values of classes in the order of the study's classes.

    Parameters
    ----------
    study : Study
        With the classes as they are now.
    values : ndarray
        Values of the model's classes along an axis.
    classes : sequence of str
        The model's classes, by the names that they had.
    axis : int
        The axis of the classes.
    missing : scalar
        Value of the study's classes that the model does not know.

    Returns
    -------
    ndarray
        Values of the study's classes along the axis; the same array if nothing has changed.
    """
    names = study.known_classes.all_current(classes)
    if names == study.class_names:
        return values
    shape = list(values.shape)
    shape[axis] = len(study.class_names)
    # Pages of zeros that nobody touches take no memory.
    arranged = np.full(shape, missing, values.dtype) if missing else np.zeros(shape, values.dtype)
    here, there = np.moveaxis(arranged, axis, 0), np.moveaxis(values, axis, 0)
    for index, name in enumerate(study.class_names):
        if name in names:
            here[index] = there[names.index(name)]
    return arranged


def unknown_classes(study: Study, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the study's classes that a model of these classes does not know."""
    known = study.known_classes.all_current(classes)
    return tuple(name for name in study.class_names if name not in known)


def labels_of_study(
    study: Study, labels: NDArray[Scalar], classes: Sequence[str]
) -> NDArray[Scalar]:
    """Give the labels of a mask the numbers that its classes have in the study now.

    Parameters
    ----------
    study : Study
        With the classes as they are now.
    labels : (z, y, x) array of int
        0 background, k + 1 class k of `classes`.
    classes : sequence of str
        Classes of the mask, by the names that they had.

    Returns
    -------
    (z, y, x) array of int
        0 background, k + 1 class k of the study; removed classes are background, and labels of no
        class stay labels of no class.
    """
    return renumbered(labels, study.known_classes.all_current(classes), study.class_names)


def renumbered(
    labels: NDArray[Scalar], before: Sequence[str], now: Sequence[str]
) -> NDArray[Scalar]:
    """Give labels other numbers, as classes have another order.

    Parameters
    ----------
    labels : (z, y, x) array of int
        0 background, k + 1 class k of `before`.
    before, now : sequence of str
        Names of the classes in their orders.

    Returns
    -------
    (z, y, x) array of int
        0 background and classes that are not in `now`, k + 1 class k of `now`. Labels of no class
        are none in `now`, either.
    """
    if (*before,) == (*now,):
        return labels
    numbers = [0, *(now.index(name) + 1 if name in now else 0 for name in before)]
    table = np.array(numbers, labels.dtype)
    strange = (labels < 0) | (labels > len(before))  # type: ignore[operator]
    arranged: NDArray[Scalar] = table[np.where(strange, 0, labels)]
    if strange.any():
        moved = labels[strange].astype(np.int64)
        moved[moved > 0] += len(now) - len(before)
        arranged[strange] = np.minimum(moved, np.iinfo(str(labels.dtype)).max)
    return arranged
