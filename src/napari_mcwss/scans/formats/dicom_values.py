"""Values of DICOM headers, which can be empty or malformed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

_COUNTS = {1: "a number", 2: "two numbers", 3: "three numbers", 6: "six numbers"}


def numbers(image: Dataset, name: str, count: int) -> NDArray[np.float64] | None:
    """Return the numbers of an attribute, None if it is missing or empty.

    Raises
    ------
    McwssError
        If these are not so many finite numbers.
    """
    value = image.get(name)
    if value is None or value == "":
        return None
    values = [value] if isinstance(value, (str, int, float)) else list(value)
    try:
        found = np.array([float(part) for part in values])
    except (TypeError, ValueError):
        found = np.array([np.nan])
    if len(found) != count or not np.isfinite(found).all():
        text = "\\".join(map(str, values))
        raise McwssError(
            f"'{file_of(image)}': {name} is {text[:60]!r}: expected {_COUNTS[count]}: correct "
            "it, or convert the series to NIfTI"
        )
    return found


def number(image: Dataset, name: str, default: float) -> float:
    """Return the number of an attribute; `default` if it is missing or empty."""
    found = numbers(image, name, 1)
    return default if found is None else float(found[0])


def whole(image: Dataset, name: str, default: int) -> int:
    """Return a count: 1 or more; `default` if it is missing or empty."""
    found = number(image, name, default)
    if found != int(found) or found < 1:
        raise McwssError(
            f"'{file_of(image)}': {name} is '{found:g}': expected a whole number from 1: correct "
            "it, or convert the series to NIfTI"
        )
    return int(found)


def text(image: Dataset, name: str) -> str:
    """Return an attribute as text; empty if it is missing."""
    value: Any = image.get(name)
    return "" if value is None else str(value).strip()


def file_of(image: Dataset) -> str:
    """Return the name of the file of an image, for messages."""
    return str(getattr(image, "filename", None) or "an image")
