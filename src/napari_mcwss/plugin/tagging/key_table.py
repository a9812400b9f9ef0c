"""The table of actions that have keys, and how keys are checked and written."""

from collections.abc import Mapping
from typing import NamedTuple

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence

from napari_mcwss.base.errors import McwssError

NUMBERS = range(1, 10)
"""Numbers of the classes that have keys."""

_PORTABLE = QKeySequence.SequenceFormat.PortableText
_NATIVE = QKeySequence.SequenceFormat.NativeText
_MODIFIERS = tuple(
    QKeySequence(key).toString(_PORTABLE)
    for key in (
        *(Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt),
        *(Qt.Key.Key_AltGr, Qt.Key.Key_Meta),
    )
)


class KeyAction(NamedTuple):
    """An action: its name in preferences, its default key (portable text of Qt), what it does."""

    name: str
    key: str
    does: str


def class_action(number: int) -> str:
    """Return the name of the action that asks for the next tag of a class."""
    return f"class_{number}"


def absent_action(number: int) -> str:
    """Return the name of the action that tags a class absent."""
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
    KeyAction("accept_here", "A", "accept what is suggested here"),
    KeyAction("next_doubtful", "D", "the slice with the least certain suggestion"),
    KeyAction("undo", "Ctrl+Z", "undo"),
    KeyAction("redo", "Ctrl+Shift+Z", "redo"),
)

DEFAULT_KEYS: Mapping[str, str] = {action.name: action.key for action in ACTIONS}

_ADDED = "accept_here", "next_doubtful"
"""Actions whose default keys a user may have given to others, before these actions were added."""

_DOES = {action.name: action.does for action in ACTIONS}


def checked_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """Check the keys that a user has chosen, and add the defaults of the other actions.

    Parameters
    ----------
    keys : mapping
        Name of an action to its key.

    Returns
    -------
    dict
        Name of each action to its key, as portable text of Qt.

    Raises
    ------
    McwssError
        If an action or a key does not exist, or two actions have the same key.
    """
    strange = sorted(keys.keys() - DEFAULT_KEYS.keys())
    if strange:
        raise McwssError(
            f"there is no action {strange[0]!r}: expected one of {', '.join(DEFAULT_KEYS)}"
        )
    checked: dict[str, str] = {}
    chosen = {_checked(name, key) for name, key in keys.items()}
    for name, default in DEFAULT_KEYS.items():
        key = _checked(name, keys.get(name, default))
        if name in _ADDED and name not in keys and key in chosen:
            key = f"Ctrl+Alt+{key}"
        other = next((other for other, taken in checked.items() if taken == key), None)
        if other is not None:
            raise McwssError(
                f"{key_text(key)} is the key of two actions ({_DOES[other]}; {_DOES[name]}): "
                "choose another for one of them"
            )
        checked[name] = key
    return checked


def _checked(name: str, key: str) -> str:
    """Return the normal form of a key, without regard to the number pad."""
    sequence = QKeySequence(key, _PORTABLE)
    text = str(sequence.toString(_PORTABLE)).replace("Num+", "")
    alone = text.split("+")[-1] in _MODIFIERS
    if sequence.count() != 1 or not text.isprintable() or not text or alone:
        raise McwssError(
            f"{key!r} is no key for “{_DOES[name]}”: press one key, with or without "
            "Ctrl, Shift or Alt"
        )
    return text.removesuffix("Enter") + "Return" if text.endswith("Enter") else text


def key_text(key: str) -> str:
    """Return a key as the user's system writes it.

    Examples
    --------
    >>> key_text("Return"), key_text("[")
    ('Enter', '[')
    """
    return str(QKeySequence(key, _PORTABLE).toString(_NATIVE)).replace("Return", "Enter")


def help_text(keys: Mapping[str, str]) -> str:
    """Return a line for each key and what it does, with one line for all classes."""
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
    """Write the keys of all classes, shortened if they are numbers."""
    start = keys[0].removesuffix("1")
    if keys == [f"{start}{number}" for number in NUMBERS]:
        return f"{key_text(keys[0])} to {NUMBERS[-1]}"
    return " ".join(map(key_text, keys))
