"""Connections to signals of objects that outlive a widget."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject


def connect_until_destroyed(widget: QObject, slot: Callable[..., Any], *signals: Any) -> None:
    """Call a function at each signal, until a widget is destroyed.

    Qt ends only connections between its own objects. A signal of napari or psygnal would go on to
    call the methods of a widget that Qt has deleted.
    """

    def disconnect() -> None:
        for signal in signals:
            with suppress(ValueError):  # psygnal's, if the connection is gone already
                signal.disconnect(slot)

    for signal in signals:
        signal.connect(slot)
    widget.destroyed.connect(disconnect)
