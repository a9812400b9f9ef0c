"""The table of keys: what can be done by key, by which keys, and how they are written."""

from collections.abc import Mapping
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence

from napari_mcwss.base.errors import McwssError

NUMBERS = range(1, 10)
"""Of the classes that have keys."""

_PORTABLE = QKeySequence.SequenceFormat.PortableText
_NATIVE = QKeySequence.SequenceFormat.NativeText
_MODIFIERS = tuple(
    QKeySequence(key).toString(_PORTABLE)
    for key in (
        *(Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt),
        *(Qt.Key.Key_AltGr, Qt.Key.Key_Meta),
    )
)


@dataclass(frozen=True)
class KeyAction:
    """What can be done by key.

    Parameters
    ----------
    name : str
        By which preferences know it.
    key : str
        The key if no other is chosen, as Qt writes it on every system.
    does : str
        What it does, in a few words.
    """

    name: str
    key: str
    does: str


def class_action(number: int) -> str:
    """Name the action of a class: its next tag."""
    return f"class_{number}"


def absent_action(number: int) -> str:
    """Name the action that makes a class absent."""
    return f"absent_{number}"


ACTIONS = (
    *(KeyAction(class_action(n), f"{n}", f"next tag of class {n}") for n in NUMBERS),
    *(KeyAction(absent_action(n), f"Shift+{n}", f"class {n} absent") for n in NUMBERS),
    KeyAction("range_start", "[", "first slice of the class with the arrow"),
    KeyAction("range_end", "]", "its last slice, absent elsewhere"),
    KeyAction("nothing_here", "0", "every class absent here"),
    KeyAction("confirm", "Return", "the next slice with unknown tags"),
    KeyAction("previous_slice", ",", "previous slice"),
    KeyAction("next_slice", ".", "next slice"),
    KeyAction("next_scan", "N", "the next scan with unknown tags"),
    KeyAction("undo", "Ctrl+Z", "undo"),
    KeyAction("redo", "Ctrl+Shift+Z", "redo"),
)

DEFAULT_KEYS: Mapping[str, str] = {action.name: action.key for action in ACTIONS}

_DOES = {action.name: action.does for action in ACTIONS}


def checked_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """Complete and check the keys that a user has chosen.

    Parameters
    ----------
    keys : mapping
        Name of an action to its key; actions that are left out keep theirs.

    Returns
    -------
    dict
        A key for each action, as Qt writes it on every system.

    Raises
    ------
    McwssError
        If there is no such action, a key is none, or two actions have one key.
    """
    strange = sorted(keys.keys() - DEFAULT_KEYS.keys())
    if strange:
        raise McwssError(
            f"there is no action {strange[0]!r}: expected one of {', '.join(DEFAULT_KEYS)}"
        )
    checked: dict[str, str] = {}
    for name, default in DEFAULT_KEYS.items():
        key = _checked(name, keys.get(name, default))
        other = next((other for other, taken in checked.items() if taken == key), None)
        if other is not None:
            raise McwssError(
                f"{key_text(key)} is the key of two actions ({_DOES[other]}; {_DOES[name]}): "
                "choose another for one of them"
            )
        checked[name] = key
    return checked


def _checked(name: str, key: str) -> str:
    """Give the one way to write a key; that of the number pad is no other."""
    sequence = QKeySequence(key, _PORTABLE)
    text = str(sequence.toString(_PORTABLE)).replace("Num+", "")
    alone = text.split("+")[-1] in _MODIFIERS
    if sequence.count() != 1 or not text.isprintable() or not text or alone:
        raise McwssError(
            f"{key!r} is no key for “{_DOES[name]}”: press one key, with Ctrl, Shift or Alt or "
            "without"
        )
    return text.removesuffix("Enter") + "Return" if text.endswith("Enter") else text


def key_text(key: str) -> str:
    """Write a key as the user's system does.

    Examples
    --------
    >>> key_text("Return"), key_text("[")
    ('Enter', '[')
    """
    return str(QKeySequence(key, _PORTABLE).toString(_NATIVE)).replace("Return", "Enter")


def help_text(keys: Mapping[str, str]) -> str:
    """Say what each key does, a line each, with those of all classes in one.

    Parameters
    ----------
    keys : mapping
        A key for each action.
    """
    classes = _span([keys[class_action(number)] for number in NUMBERS])
    absent = _span([keys[absent_action(number)] for number in NUMBERS])
    single = ACTIONS[2 * len(NUMBERS) :]
    return "\n".join(
        [
            f"{classes}: the class on this slice: unknown, present, absent",
            f"{absent}: absent",
            *(f"{key_text(keys[action.name])}: {action.does}" for action in single),
        ]
    )


def _span(keys: list[str]) -> str:
    """Write the keys of the classes: shortly where they are numbers."""
    start = keys[0].removesuffix("1")
    if keys == [f"{start}{number}" for number in NUMBERS]:
        return f"{key_text(keys[0])} to {NUMBERS[-1]}"
    return " ".join(map(key_text, keys))
