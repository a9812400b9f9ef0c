"""Thresholds that users give: one for all classes, or one for a class."""

from collections.abc import Mapping, Sequence

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.masks.exclusive import THRESHOLD


def parse_thresholds(
    texts: Sequence[str], classes: Sequence[str]
) -> tuple[float, dict[str, float]]:
    """Read thresholds from texts such as ``0.5``, for all classes, and ``TC=0.4``, for one.

    Parameters
    ----------
    texts : sequence of str
        At most one text for all classes, and at most one for each class.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    tuple of float and dict
        The threshold in 0..1 of all classes, by default `THRESHOLD`, and those of the classes that
        have their own.

    Raises
    ------
    McwssError
        If a text is no threshold, names an unknown class, or is given twice.

    Examples
    --------
    >>> parse_thresholds(["TC=0.4"], ["TC", "ED"])
    (0.5, {'TC': 0.4})
    """
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError as error:
            raise McwssError(
                f"{text!r} is no threshold: expected a number from 0 to 1, such as 0.5, or one of "
                "a class, such as TC=0.4"
            ) from error
        if name in found:
            raise McwssError(
                f"two thresholds of {name or 'all classes'}: give one, and one for a class that "
                "differs, such as TC=0.4"
            )
        found[name] = value
    common = found.pop("", THRESHOLD)
    return checked_threshold(common), own_thresholds(found, classes)


def own_thresholds(values: Mapping[str, float], classes: Sequence[str]) -> dict[str, float]:
    """Return thresholds by name of the class once they are checked.

    Raises
    ------
    McwssError
        If a class is unknown, or a threshold is not in 0..1.
    """
    for name in values:
        if name not in classes:
            raise McwssError(f"no class {name!r} for a threshold: expected {', '.join(classes)}")
    return {name: checked_threshold(value) for name, value in values.items()}


def checked_threshold(value: float) -> float:
    """Return a threshold, or raise McwssError if it is not in 0..1."""
    if not 0 <= value <= 1:
        raise McwssError(f"threshold = {value}: expected a number from 0 to 1")
    return float(value)
