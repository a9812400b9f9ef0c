"""Reading of JSON that another program may have written, or that is damaged."""

import json
from typing import Any


def parse_json(content: str | bytes) -> Any:
    """Parse JSON, as `json.loads` does.

    Raises
    ------
    ValueError
        If it is none, or nests too deeply to be read.

    Examples
    --------
    >>> parse_json('{"step": 1}')
    {'step': 1}
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: it nests too deeply
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def whole_number(value: Any, most: int = 2**63 - 1) -> int:
    """Return a number of parsed JSON that counts something.

    Raises
    ------
    ValueError
        If it is no integer from 0 to `most`.
    """
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"expected a whole number from 0 to {most}")
    return value
