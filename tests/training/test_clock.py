"""The time that a training takes, and when its state is due."""

import pytest

from napari_mcwss.training import clock
from napari_mcwss.training.clock import Cadence, Clock, Pace


@pytest.fixture
def now(monkeypatch) -> list[float]:
    """The time, to be turned by hand."""
    hand = [100.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: hand[0])
    return hand


def test_a_clock_stands_still_while_it_is_paused(now):
    watch = Clock(5.0)
    now[0] += 2
    with watch.paused():
        now[0] += 1000
    now[0] += 3
    assert watch.seconds == 10


def test_the_time_left_is_that_of_the_last_batches():
    pace = Pace()
    assert (pace.seconds_left(0.0), pace.slices_per_second) == (0, 0)
    for _ in range(10):
        pace.add(2.0, 0.01, 16)
    assert pace.seconds_left(0.1) == pytest.approx(180)
    assert pace.slices_per_second == pytest.approx(8)
    # The machine has become free.
    for _ in range(200):
        pace.add(0.5, 0.001, 16)
    assert pace.seconds_left(0.3) == pytest.approx(350, rel=0.01)
    assert pace.slices_per_second == pytest.approx(32, rel=0.01)


def test_a_slow_first_batch_is_soon_forgotten():
    pace = Pace()
    for seconds in [20.0] + 99 * [1.0]:
        pace.add(seconds, 0.01, 16)
    assert pace.seconds_left(0.5) == pytest.approx(50, rel=0.1)


def test_a_state_is_due_after_a_minute_or_an_epoch(now):
    cadence = Cadence(Clock())
    assert cadence.due(epoch_done=True)
    assert not cadence.due(epoch_done=False)
    now[0] += 60
    assert cadence.due(epoch_done=False)


def test_a_slow_disk_is_written_to_less_often(now):
    cadence = Cadence(Clock())
    with cadence.writing():
        now[0] += 3
    now[0] += 99
    assert not cadence.due(epoch_done=True)
    assert not cadence.due(epoch_done=False)
    now[0] += 1
    assert cadence.due(epoch_done=True)
