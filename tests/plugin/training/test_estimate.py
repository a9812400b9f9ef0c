"""How long a training takes, asked before it begins."""

import threading
from collections.abc import Callable, Generator

import pytest
from qtpy.QtCore import Qt

from napari_mcwss.plugin.training.estimate import ASK, CANCEL, TrainingEstimate
from napari_mcwss.plugin.training.settings import TrainingSettings
from napari_mcwss.training import estimate as estimates
from napari_mcwss.training.config import DEFAULT_PATIENCE, TrainingConfig
from napari_mcwss.training.estimate import Estimate, Part
from napari_mcwss.training.events import Message

pytestmark = pytest.mark.gui
PATIENCE = 60_000

GIB = 2**30
PARTS = (Part(9.6, "to read scans"), Part(240.0, "", "local", 20))
FOUND = Estimate("cuda", 4, 36, PARTS, False, 8, GIB // 16, 5 * GIB, 6 * GIB)


@pytest.fixture
def asked() -> list[TrainingConfig]:
    """The settings on screen: the last of them."""
    return [TrainingConfig()]


@pytest.fixture
def widget(qtbot, asked) -> TrainingEstimate:
    made = TrainingEstimate(lambda: ("a study", asked[-1], False))
    for part in (made, made.button):
        qtbot.addWidget(part)
        part.show()
    return made


@pytest.fixture
def steps(monkeypatch) -> Callable[[Estimate | None], threading.Event]:
    """Have an estimate be what is given, once the event is set; for ever if that is None."""

    def stand_in(found: Estimate | None) -> threading.Event:
        go_on = threading.Event()

        def measured(*_: object, **__: object) -> Generator[Message, None, Estimate]:
            yield Message("measuring steps of local")
            while found is None or not go_on.wait(0.01):
                yield Message("measuring steps of local")
            return found

        monkeypatch.setattr(estimates, "estimate", measured)
        return go_on

    return stand_in


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_click_says_how_long_and_how_much(qtbot, widget, steps, asked):
    go_on = steps(FOUND)
    click(qtbot, widget.button)
    qtbot.waitUntil(lambda: "Measuring steps" in widget.answer.text(), timeout=PATIENCE)
    assert widget.button.text() == CANCEL
    with qtbot.waitSignal(widget.background.ended, timeout=PATIENCE):
        go_on.set()
    assert widget.button.text() == ASK
    assert widget.answer.isVisible()
    assert widget.answer.text().splitlines() == [
        "36 tagged slices of 4 scans, on cuda.",
        "About 4 min 10 s: 10 s to read scans, 4 min for 20 epochs of local, 12 s each.",
        "Memory: about 64 MiB for the slices, 5.0 GiB for steps of 8; 6.0 GiB are free.",
    ]
    assert widget.fitted(asked[-1]).batch_size == 8
    other = TrainingConfig(width=64)
    assert widget.fitted(other) == other, "measured were other settings"
    widget.forget()
    assert not widget.answer.isVisible()
    assert widget.fitted(asked[-1]).batch_size == 16


def test_it_shows_that_it_works_before_the_first_message_and_during_a_long_step(
    qtbot, widget, monkeypatch
):
    go_on = threading.Event()

    def stuck(*_: object, **__: object) -> Generator[Message, None, None]:
        go_on.wait(PATIENCE / 1000)
        yield Message("reading a scan")

    monkeypatch.setattr(estimates, "estimate", stuck)
    click(qtbot, widget.button)
    assert widget.answer.text() == "Loading the network … (0 s)"
    qtbot.waitUntil(lambda: widget.answer.text().endswith("(2 s)"), timeout=PATIENCE)
    with qtbot.waitSignal(widget.background.ended, timeout=PATIENCE):
        go_on.set()


def test_masks_to_learn_from_are_measured_too(qtbot, monkeypatch):
    given: list[object] = []

    def measured(study: object, config: object, *, trusted: object) -> Generator:
        given.append(trusted)
        yield Message("reading a scan")

    monkeypatch.setattr(estimates, "estimate", measured)
    monkeypatch.setattr("napari_mcwss.segmentation.corrected.trusted_masks", lambda _: "masks")
    for trust in (True, False):
        widget = TrainingEstimate(lambda trust=trust: ("a study", TrainingConfig(), trust))
        qtbot.addWidget(widget)
        qtbot.addWidget(widget.button)
        with qtbot.waitSignal(widget.background.ended, timeout=PATIENCE):
            widget.measure_or_cancel()
    assert given == ["masks", None]


def test_measuring_can_be_cancelled(qtbot, widget, steps):
    steps(None)
    click(qtbot, widget.button)
    qtbot.waitUntil(widget.answer.isVisible, timeout=PATIENCE)
    with qtbot.waitSignal(widget.background.ended, timeout=PATIENCE):
        click(qtbot, widget.button)
    assert widget.button.text() == ASK
    assert not widget.answer.isVisible()


def test_a_length_can_be_until_it_stops_improving(qtbot):
    settings = TrainingSettings()
    qtbot.addWidget(settings)
    settings.show()
    assert settings.config == TrainingConfig()
    with qtbot.waitSignal(settings.changed):
        qtbot.keyClicks(settings.unit, "until")
    assert settings.config == TrainingConfig(patience=DEFAULT_PATIENCE)
    settings.length.selectAll()
    with qtbot.waitSignal(settings.changed):
        qtbot.keyClicks(settings.length, "8")
    assert settings.config == TrainingConfig(patience=8)
