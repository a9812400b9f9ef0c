"""Numbers and names as users read and type them."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import takewhile
from typing import Any

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def duration(seconds: float) -> str:
    """Return a duration in words, in its one or two largest units.

    Examples
    --------
    >>> duration(0.3), duration(59.7), duration(100), duration(5000)
    ('1 second', '1 minute', '2 minutes', '1 hour 23 minutes')
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return counted(whole, "second")
    minutes = round(seconds / 60)
    if minutes < 60:
        return counted(minutes, "minute")
    hours, minutes = divmod(minutes, 60)
    return counted(hours, "hour") + (f" {counted(minutes, 'minute')}" if minutes else "")


def brief_duration(seconds: int) -> str:
    """Return a duration to the second, or to the minute from an hour on, such that sums are right.

    Examples
    --------
    >>> brief_duration(45), brief_duration(250), brief_duration(600), brief_duration(5000)
    ('45 s', '4 min 10 s', '10 min', '1 h 23 min')
    """
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def free_name(stem: str, taken: Collection[str]) -> str:
    """Return the first of ``stem-1``, ``stem-2`` ... that is not taken.

    Examples
    --------
    >>> free_name("model", ["model-1", "model-3"])
    'model-2'
    """
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def number_text(value: float) -> str:
    """Return a number as short as it can be typed without becoming another.

    Examples
    --------
    >>> number_text(60.0), number_text(0.5), number_text(0.12345678)
    ('60', '0.5', '0.12345678')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def differing(names: Sequence[str], longest: int = 16) -> list[str]:
    """Return long names with ``…`` instead of the start that all have in common.

    The start ends at the last ``_ - .`` or space in it. Names that all have at most `longest`
    characters stay as they are.

    Examples
    --------
    >>> differing(["cohort-of-2021_00006_t1.nii.gz", "cohort-of-2021_00006_flair.nii.gz"])
    ['…t1.nii.gz', '…flair.nii.gz']
    """
    if len({*names}) < 2 or max(map(len, names)) <= longest:
        return list(names)
    alike = takewhile(lambda letters: len({*letters}) == 1, zip(*names, strict=False))
    common = "".join(letters[0] for letters in alike)
    start = max(map(common.rfind, "_-. ")) + 1
    return [f"…{name[start:]}" if start else name for name in names]


def counted(number: int, unit: str) -> str:
    """Return a number with its unit, in the plural if needed.

    Examples
    --------
    >>> counted(1, "scan"), counted(3, "scan")
    ('1 scan', '3 scans')
    """
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def names_in(text: str) -> list[str]:
    """Split what a user typed between commas.

    Examples
    --------
    >>> names_in("TC, ED,")
    ['TC', 'ED']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


_TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}
"""Signs that change the direction of what follows them, and so what is read."""


def printable(data: Any) -> Any:
    r"""Put a question mark for each sign that commands a terminal or turns a text around.

    Parameters
    ----------
    data : str, or list, tuple or dict of these
        Texts from a file that may come from a stranger; anything else stays as it is.

    Examples
    --------
    >>> printable(["safe\x1b[2J", {"name": "a\u202eb"}, 3])
    ['safe?[2J', {'name': 'a?b'}, 3]
    """
    if isinstance(data, str):
        return "".join("?" if _commands(sign) else sign for sign in data)
    if isinstance(data, list | tuple):
        return type(data)(map(printable, data))
    if isinstance(data, dict):
        return {printable(key): printable(value) for key, value in data.items()}
    return data


def _commands(sign: str) -> bool:
    return (unicodedata.category(sign) in ("Cc", "Cs") and sign != "\n") or ord(sign) in _TURNING


def cell_text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    Examples
    --------
    >>> cell_text("=1+1"), cell_text("core")
    ("'=1+1", 'core')
    """
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def shortened(text: str, most: int = 40) -> str:
    """Return a text from a file as it is quoted in a message: not much of a long one.

    Examples
    --------
    >>> shortened("TC"), shortened("no table at all", most=8)
    ('TC', 'no table…')
    """
    return text if len(text) <= most else f"{text[:most]}…"


def bytes_text(size: int) -> str:
    """Write a number of bytes in its largest unit.

    Examples
    --------
    >>> bytes_text(300), bytes_text(3 * 2**20), bytes_text(2**50)
    ('300 bytes', '3.0 MiB', '1.0 PiB')
    """
    if size < 1024:
        return counted(size, "byte")
    # Damaged headers can declare more bytes than a float holds.
    power = min((size.bit_length() - 1) // 10, len(_UNITS))
    return f"{size // 2 ** (10 * (power - 1)) / 1024:.1f} {_UNITS[power - 1]}"


def size_text(shape: Iterable[int]) -> str:
    """Write a shape as ``240x240x155``."""
    return "x".join(map(str, shape))


def names_text(names: Sequence[str], most: int = 8) -> str:
    """List the first names in a message, and count the others."""
    if not names:
        return "nothing"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
