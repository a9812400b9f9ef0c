"""Connections to what outlives a widget end with the widget, and not before."""

from typing import Any

import pytest
from napari.utils.events import EmitterGroup
from psygnal import Signal
from qtpy.QtWidgets import QWidget

from napari_mcwss.plugin.shared.connections import connect_until_destroyed


class Owner:
    changed = Signal()
    renamed = Signal(str)


class Listener(QWidget):
    def __init__(self, calls: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self.calls = calls

    def heard(self, *arguments: Any) -> None:
        self.calls.append(arguments)


@pytest.fixture
def listener(qapp: Any) -> Listener:
    return Listener([])


def destroy(widget: QWidget, qtbot: Any) -> None:
    with qtbot.waitSignal(widget.destroyed):
        widget.deleteLater()


@pytest.mark.gui
def test_signals_of_psygnal_call_until_the_widget_is_destroyed(
    listener: Listener, qtbot: Any
) -> None:
    owner, calls = Owner(), listener.calls
    connect_until_destroyed(listener, listener.heard, owner.changed, owner.renamed)
    owner.changed.emit()
    owner.renamed.emit("new")
    assert calls == [(), ("new",)]
    destroy(listener, qtbot)
    owner.changed.emit()
    owner.renamed.emit("newer")
    assert len(calls) == 2
    assert len(owner.changed) == len(owner.renamed) == 0


@pytest.mark.gui
def test_events_of_napari_call_until_the_widget_is_destroyed(
    listener: Listener, qtbot: Any
) -> None:
    events, calls = EmitterGroup(moved=None), listener.calls
    connect_until_destroyed(listener, listener.heard, events.moved)
    events.moved()
    assert len(calls) == 1
    destroy(listener, qtbot)
    events.moved()
    assert len(calls) == 1
    assert not events.moved.callbacks


@pytest.mark.gui
def test_a_connection_that_was_ended_before_is_no_error(listener: Listener, qtbot: Any) -> None:
    owner = Owner()
    connect_until_destroyed(listener, listener.heard, owner.changed)
    owner.changed.disconnect(listener.heard)
    with qtbot.captureExceptions() as errors:
        destroy(listener, qtbot)
    assert not errors
