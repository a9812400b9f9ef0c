"""Pausing, going on and cancelling, from any thread and by signals."""

import signal
import threading
from collections.abc import Generator, Iterator
from functools import partial

import pytest

from napari_mcwss.training.process.steering import (
    ENDINGS,
    Paused,
    Resumed,
    RunCancelled,
    Steering,
    cancelled_by_signals,
    steered,
)
from napari_mcwss.training.process.tail import Tail

PATIENCE = 20


class Counting:
    """A run that counts, and notes that it was closed."""

    def __init__(self, last: int = 3) -> None:
        self.last = last
        self.closed = False

    def events(self) -> Generator[int, None, str]:
        try:
            yield from range(1, self.last + 1)
            return "the value"
        finally:
            self.closed = True


def value_of(events: Generator[object, None, object]) -> object:
    with pytest.raises(StopIteration) as end:
        next(events)
    return end.value.value


def test_a_run_that_nobody_steers_goes_through():
    run = Counting()
    events = steered(run.events(), Steering())
    assert [next(events) for _ in range(3)] == [1, 2, 3]
    assert value_of(events) == "the value"
    assert run.closed


def test_cancelling_closes_the_run_at_its_next_event():
    run, steering = Counting(), Steering()
    events = steered(run.events(), steering)
    assert next(events) == 1
    steering.cancel()
    with pytest.raises(RunCancelled):
        next(events)
    assert run.closed


def test_a_run_that_is_cancelled_before_it_begins_does_nothing():
    steering = Steering()
    steering.cancel()
    with pytest.raises(RunCancelled):
        next(steered(Counting().events(), steering))


def test_cancelling_after_the_last_event_is_too_late():
    steering = Steering()

    def events() -> Iterator[int]:
        yield 1
        steering.cancel()

    assert list(steered(events(), steering)) == [1]


@pytest.mark.parametrize(
    ("wish", "expected"), [("resume", [1, Paused(), Resumed(), 2, 3]), ("cancel", [1, Paused()])]
)
def test_a_paused_run_rests_until_it_is_told(wish, expected):
    run, steering = Counting(), Steering()
    seen: list[object] = []
    rests = threading.Event()

    def drive() -> None:
        events = steered(run.events(), steering)
        try:
            for event in events:
                seen.append(event)
                if event == 1:
                    steering.pause()
                elif event == Paused():
                    rests.set()
        except RunCancelled:
            pass

    thread = threading.Thread(target=drive)
    thread.start()
    assert rests.wait(PATIENCE)
    assert thread.is_alive()
    assert seen == [1, Paused()]
    steering.obey(wish)
    thread.join(PATIENCE)
    assert seen == expected
    assert run.closed


def test_commands_are_obeyed_as_they_come():
    steering, obeyed = Steering(), threading.Event()

    def commands() -> Iterator[str]:
        yield "pause\n"
        yield "cancel\r\n"
        obeyed.set()

    steering.listen(commands())
    assert obeyed.wait(PATIENCE)
    assert steering.paused
    assert steering.cancelled


def test_an_unknown_command_is_told():
    with pytest.warns(UserWarning, match=r"'stop'.*pause, resume, cancel"):
        Steering().obey("stop")


@pytest.mark.parametrize("kind", ENDINGS)
def test_the_first_signal_cancels_and_the_second_acts_as_ever(kind, request):
    # Tests themselves may run under nohup.
    request.addfinalizer(partial(signal.signal, kind, signal.getsignal(kind)))
    before = signal.default_int_handler
    signal.signal(kind, before)
    steering = Steering()
    steering.pause()
    with cancelled_by_signals(steering):
        signal.raise_signal(kind)
        steering.rest()
        assert steering.cancelled
        assert signal.getsignal(kind) is before
    assert signal.getsignal(kind) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_what_is_ignored_stays_ignored(request):
    request.addfinalizer(partial(signal.signal, signal.SIGHUP, signal.getsignal(signal.SIGHUP)))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    steering = Steering()
    with cancelled_by_signals(steering):
        signal.raise_signal(signal.SIGHUP)
    assert not steering.cancelled


def test_a_growing_file_is_read_by_complete_lines(tmp_path, request):
    path = tmp_path / "events"
    tail = Tail(path)
    request.addfinalizer(tail.close)
    assert tail.lines() == []
    path.write_bytes("one\ntwö\nthr".encode())
    assert tail.lines() == ["one", "twö"]
    assert tail.lines() == []
    with path.open("ab") as file:
        file.write(b"ee\n\xff\n")
    assert tail.lines() == ["three", "�"]


def test_the_slice_that_is_looked_at_comes_with_its_scan():
    steering = Steering()
    steering.obey("watch 12 a scan of mine")
    assert steering.watched == ("a scan of mine", 12)
    with pytest.warns(UserWarning, match="unknown command 'watch twelve pat1'"):
        steering.obey("watch twelve pat1")
    assert steering.watched == ("a scan of mine", 12)
