"""Jobs beside the screen: threads, order, cancelling and failures."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from napari.utils.notifications import Notification, notification_manager
from qtpy.QtWidgets import QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome

pytestmark = pytest.mark.gui


class Recorded:
    """A job that notes who runs it and how it ends."""

    def __init__(self, events: Callable[[], Iterator[Any]]) -> None:
        self.source = events
        self.ran_in: int | None = None
        self.closed_in: int | None = None
        self.closed = threading.Event()

    def events(self) -> Generator[Any, None, str]:
        self.ran_in = threading.get_ident()
        try:
            yield from self.source()
            return "the value"
        finally:
            self.closed_in = threading.get_ident()
            self.closed.set()

    def job(self, frequent: Callable[[Any], bool] = lambda event: False) -> Job:
        return Job("counting", self.events, frequent)


def endless() -> Iterator[int]:
    number = 0
    while True:
        yield (number := number + 1)
        time.sleep(0.001)


@pytest.fixture
def background(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    background = Background(widget)
    yield background
    if background.running:
        with qtbot.waitSignal(background.ended):
            background.cancel()


@pytest.fixture
def notifications():
    received: list[Notification] = []
    notification_manager.notification_ready.connect(received.append)
    yield received
    notification_manager.notification_ready.disconnect(received.append)


def run(qtbot, background: Background, job: Job) -> tuple[list[Any], JobOutcome]:
    events: list[Any] = []
    background.event_received.connect(events.append)
    with qtbot.waitSignal(background.ended) as ended:
        background.start(job)
    return events, ended.args[0]


def test_a_job_runs_in_another_thread_and_gives_its_value(qtbot, background):
    recorded = Recorded(lambda: iter("abc"))
    events, outcome = run(qtbot, background, recorded.job())
    assert events == ["a", "b", "c"]
    assert outcome == JobOutcome("the value")
    assert recorded.ran_in == recorded.closed_in == background.thread_ident
    assert recorded.ran_in != threading.get_ident()
    assert not background.running


def test_frequent_events_are_thinned_and_others_all_arrive_in_order(qtbot, background):
    def events() -> Iterator[float]:
        start = time.monotonic()
        while time.monotonic() < start + 0.55:
            yield 0
            yield -time.monotonic()
            time.sleep(0.001)

    recorded = Recorded(events)
    received, _ = run(qtbot, background, recorded.job(frequent=lambda event: event == 0))
    rare = [event for event in received if event]
    assert 3 <= received.count(0) <= 6
    assert len(rare) > 50
    assert rare == sorted(rare, reverse=True)


def test_cancelling_closes_the_generator_in_its_own_thread(qtbot, background):
    recorded = Recorded(endless)
    with qtbot.waitSignal(background.event_received):
        background.start(recorded.job())
    with qtbot.waitSignal(background.ended) as ended:
        background.cancel()
        assert background.cancelling
    assert ended.args[0].cancelled
    assert recorded.closed_in == recorded.ran_in != threading.get_ident()


def test_a_second_job_is_refused_while_one_runs(qtbot, background):
    with qtbot.waitSignal(background.event_received):
        background.start(Recorded(endless).job())
    with pytest.raises(McwssError, match="the counting is still running"):
        background.start(Recorded(endless).job())
    with qtbot.waitSignal(background.ended):
        background.cancel()
    assert run(qtbot, background, Recorded(lambda: iter("a")).job())[0] == ["a"]


@pytest.mark.parametrize("error", [McwssError("no tags: tag some"), RuntimeError("out of memory")])
def test_a_failure_becomes_a_notification(qtbot, background, notifications, caplog, error):
    def events() -> Iterator[str]:
        yield "a"
        raise error

    received, outcome = run(qtbot, background, Recorded(events).job())
    qtbot.waitUntil(lambda: bool(notifications))
    assert received == ["a"]
    assert outcome.error is error
    assert [notification.message for notification in notifications] == [str(error)]
    logged = "the counting failed" in caplog.text
    assert logged == isinstance(error, RuntimeError)


def test_a_widget_that_goes_takes_its_job_along(qtbot):
    widget = QWidget()
    background = Background(widget)
    recorded = Recorded(endless)
    with qtbot.waitSignal(background.event_received):
        background.start(recorded.job())
    with qtbot.waitSignal(widget.destroyed):
        widget.deleteLater()
    assert recorded.closed.wait(5)
    assert recorded.closed_in == recorded.ran_in
