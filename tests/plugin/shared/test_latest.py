"""Work beside the screen of which only the last counts."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtWidgets import QApplication, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.latest import Latest

pytestmark = pytest.mark.gui
PATIENCE = 30_000


class Held:
    """Work that is under way until it is let go."""

    def __init__(self) -> None:
        self.at_work, self._go_on = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.at_work.set()
        assert self._go_on.wait(PATIENCE / 1000)
        return "held"

    def let_go(self) -> None:
        self._go_on.set()


@pytest.fixture
def latest(qtbot) -> Iterator[Latest]:
    widget = QWidget()
    qtbot.addWidget(widget)
    yield Latest(widget, "counting")
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def answers(latest) -> list[object]:
    answers: list[object] = []
    latest.answered.connect(answers.append)
    return answers


@pytest.fixture
def held(latest, qtbot) -> Iterator[Held]:
    """Work that the latest has begun."""
    held = Held()
    latest.ask(held)
    qtbot.waitUntil(held.at_work.is_set, timeout=PATIENCE)
    yield held
    held.let_go()


def test_the_work_runs_in_another_thread_and_answers_in_this_one(qtbot, latest):
    heard_in: list[int] = []
    latest.answered.connect(lambda _: heard_in.append(threading.get_ident()))
    with qtbot.waitSignal(latest.answered, timeout=PATIENCE) as answered:
        latest.ask(threading.get_ident)
    assert heard_in == [threading.get_ident()]
    assert answered.args != heard_in


def test_only_what_was_asked_for_last_is_answered(qtbot, latest, answers, held):
    ran: list[str] = []
    with qtbot.waitSignal(latest.answered, timeout=PATIENCE):
        latest.ask(lambda: ran.append("between"))
        latest.ask(lambda: "last")
        held.let_go()
    assert answers == ["last"]
    assert not ran


def test_what_was_forgotten_is_not_answered(latest, answers, held):
    latest.forget()
    held.let_go()
    WorkerBase.await_workers(PATIENCE)
    QApplication.processEvents()
    assert not answers


def test_failed_work_gives_no_answer_and_stops_nothing(qtbot, latest, answers):
    def fail() -> None:
        raise McwssError("it cannot be")

    latest.ask(fail)
    WorkerBase.await_workers(PATIENCE)
    QApplication.processEvents()
    with qtbot.waitSignal(latest.answered, timeout=PATIENCE):
        latest.ask(lambda: "good")
    assert answers == ["good"]


def test_work_that_is_done_is_not_kept(qtbot, latest):
    work = Held()
    work.let_go()
    kept = weakref.ref(work)
    with qtbot.waitSignal(latest.answered, timeout=PATIENCE):
        latest.ask(work)
        del work
    gc.collect()
    assert kept() is None
