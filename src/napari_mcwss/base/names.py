"""Names of scans, classes, channels and models, each of which becomes part of a file name."""

from __future__ import annotations

import re
import unicodedata
from itertools import count
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_MOST = 100

# File names have up to 255 bytes, of which "cam_", ".nii.gz" and what is put before a file in
# the making take 21. Letters beyond ASCII have up to four.
_NAME_BYTES = 230

_SIGNS = " _.+()-"

_APOSTROPHES = "'`\u00b4\u2018\u2019"

# They say how letters of Persian and Hindi join.
_JOINERS = "\u200c\u200d"

# Windows opens a device under these names, whatever follows after a dot.
_DEVICES = {
    *("con", "prn", "aux", "nul"),
    *(f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"),
}


def check_names(kind: str, names: Iterable[str], *, known: Collection[str] = ()) -> None:
    """Refuse names of some kind that are given twice or cannot be those of files, on any system.

    Names of devices are accepted if they are `known`, in use since a version that allowed them.
    """
    seen: dict[str, str] = {}
    for name in names:
        if not _is_valid(name):
            raise McwssError(
                f"{kind} name {name!r} is not a valid file name on all systems: use up to {_MOST} "
                "letters, digits, spaces and . _ + - ( ), with a letter or digit first and no dot "
                f"last; in UTF-8 up to {_NAME_BYTES} bytes"
            )
        if name.casefold() == "slice" and kind == "class":
            raise McwssError(
                "the class name 'slice' is reserved for a column of the tags: choose another"
            )
        if _is_device(name) and name not in known:
            raise McwssError(
                f"{kind} name {name!r} is not a valid file name on all systems: Windows keeps it "
                "for a device: choose another"
            )
        if (other := seen.get(same_file(name))) is not None:
            raise _alike(kind, name, other)
        seen[same_file(name)] = name


def valid_names(names: Sequence[str]) -> dict[str, str]:
    """Make names of folders and files into names that `check_names` accepts.

    Parameters
    ----------
    names : sequence of str
        Different names; valid ones stay as they are, also where two of them are alike.

    Returns
    -------
    dict of str to str
        The valid name of each name, in their order. Names that become alike get numbers.

    Examples
    --------
    >>> valid_names(["O'Brien, Mary", "OBrien Mary", "50%", "con"])
    {"O'Brien, Mary": 'OBrien Mary-2', 'OBrien Mary': 'OBrien Mary', '50%': '50', 'con': '_con'}
    """
    made = {name: name for name in names if valid_name(name) == name}
    taken = set(map(same_file, made))
    for name in names:
        if name not in made:
            tries = (valid_name(name, number) for number in count(1))
            made[name] = next(new for new in tries if same_file(new) not in taken)
            taken.add(same_file(made[name]))
    return {name: made[name] for name in names}


def valid_name(name: str, number: int = 1) -> str:
    """Make one name into a valid one; from 2 on, the number is put last."""
    if number == 1 and _is_valid(name) and not _is_device(name):
        return name
    end = f"-{number}" if number > 1 else ""
    plain = (sign for sign in unicodedata.normalize("NFC", name) if sign not in _APOSTROPHES)
    text = "".join(sign if _is_allowed(sign) else "\0" for sign in plain)
    text = re.sub("\0+(?= |$)", "", text).replace("\0", "_").strip(" ")
    # One place is kept for an underscore at the start.
    short = text[: _MOST - len(end) - 1].encode()[: _NAME_BYTES - len(end) - 1]
    text = short.decode(errors="ignore").rstrip(" ." + _JOINERS)
    return ("" if text and _is_letter(text[0]) and not _is_device(text) else "_") + text + end


def same_file(name: str) -> str:
    """Return a text that is equal for names which some file systems do not tell apart.

    Examples
    --------
    >>> same_file("Core") == same_file("core"), same_file("core") == same_file("edema")
    (True, False)
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def refuse_alike(kind: str, name: str, others: Iterable[str]) -> None:
    """Refuse a new name that some file systems do not tell apart from another one."""
    for other in others:
        if other != name and same_file(other) == same_file(name):
            raise _alike(kind, name, other)


def _alike(kind: str, name: str, other: str) -> McwssError:
    if name == other:
        return McwssError(f"{kind} {name!r} occurs twice: give each {kind} a different name")
    composed = unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)
    how = "in how letters with accents are stored" if composed else "in case"
    return McwssError(
        f"{kind} {name!r} differs from {other!r} only {how}, which some file systems do not tell "
        f"apart: give each {kind} a different name"
    )


def _is_valid(name: str) -> bool:
    return (
        0 < len(name) <= _MOST
        and _is_letter(name[0])
        and all(map(_is_allowed, name))
        and name[-1] not in " ." + _JOINERS
        and len(name.encode()) <= _NAME_BYTES
    )


def _is_device(name: str) -> bool:
    return name.split(".")[0].rstrip().casefold() in _DEVICES


def _is_allowed(sign: str) -> bool:
    return _is_letter(sign) or _is_mark(sign) or sign in _SIGNS + _JOINERS


def _is_letter(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _is_mark(sign: str) -> bool:
    """Whether a sign belongs to the letter before it, as accents and many vowels do."""
    return unicodedata.category(sign).startswith("M")
