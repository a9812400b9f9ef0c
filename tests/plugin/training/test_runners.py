"""What holds for a training in a thread and for one in a process alike, and what differs."""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from helpers import stand_in
from qtpy.QtCore import QObject

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.process_runner import ProcessJob, ProcessRunner
from napari_mcwss.study.study import Study
from napari_mcwss.training.events import Batch, Epoch, Finished, Message, Preview, Started
from napari_mcwss.training.process import launcher as processes
from napari_mcwss.training.process.event_json import Began, Cancelled, to_line
from napari_mcwss.training.process.reporting import commands_file
from napari_mcwss.training.process.run_folder import RunFolder
from napari_mcwss.training.process.steering import Paused, Resumed

pytestmark = pytest.mark.gui
PATIENCE = 120_000
"""Milliseconds for what takes a second, on a busy machine too."""


@dataclass
class Bench:
    """A runner, and trainings to run with it."""

    qtbot: object
    parent: QObject
    runner: Background
    study: Study
    closed: Path

    @property
    def is_process(self) -> bool:
        return isinstance(self.runner, ProcessRunner)

    def job(self, kind: str) -> Job | ProcessJob:
        """Give one of the trainings of `stand_in`."""
        if not self.is_process:
            return Job(
                f"training of {kind}",
                lambda: stand_in.train(None, kind),
                lambda _: False,
                lasts=True,
            )
        run = RunFolder.of(self.study, kind)
        command = [sys.executable, stand_in.__file__, "train", str(self.study.folder)]
        return ProcessJob(run, [*command, "--model", kind, "--events", str(run.events)])

    def start(self, kind: str, until: type) -> None:
        """Start a training and wait for an event."""
        with self.event(until):
            self.runner.start(self.job(kind))

    def event(self, kind: type):
        """Wait for an event."""
        return self.qtbot.waitSignal(
            self.runner.event_received,
            timeout=PATIENCE,
            check_params_cb=lambda event: isinstance(event, kind),
        )

    def ended(self):
        """Wait for the end."""
        return self.qtbot.waitSignal(self.runner.ended, timeout=PATIENCE)

    def run(self, kind: str) -> tuple[list[object], JobOutcome]:
        """Let a training end; give its events and how it ended."""
        events: list[object] = []
        self.runner.event_received.connect(events.append)
        with self.ended() as ended:
            self.runner.start(self.job(kind))
        self.runner.event_received.disconnect(events.append)
        return events, ended.args[0]

    def end(self) -> None:
        """Leave nothing running."""
        if self.runner.running:
            with self.ended():
                self.runner.cancel()

    def wait_until_closed(self, kind: str) -> None:
        self.qtbot.waitUntil((self.closed / kind).exists, timeout=PATIENCE)


@pytest.fixture
def closed(tmp_path, monkeypatch) -> Path:
    """A folder with a file for each training that was closed."""
    folder = tmp_path / "closed"
    folder.mkdir()
    monkeypatch.setenv("STAND_IN_CLOSED", str(folder))
    return folder


@pytest.fixture
def bench(request, qtbot, phantom_study, closed) -> Iterator[Bench]:
    kind = getattr(request, "param", ProcessRunner)
    parent = QObject()
    bench = Bench(qtbot, parent, kind(parent), phantom_study, closed)
    yield bench
    bench.end()


both = pytest.mark.parametrize("bench", [Background, ProcessRunner], indirect=True)
in_a_thread = pytest.mark.parametrize("bench", [Background], indirect=True)


@both
def test_all_events_come_in_order(bench):
    events, outcome = bench.run("quick")
    kinds = [type(event) for event in events]
    assert kinds[:2] == [Started, Batch]
    # Batches that come too fast for a reader are left out.
    assert [kind for kind in kinds if kind is not Batch] == [Started, Epoch, Epoch, Finished]
    assert events[-1] == Finished("quick", Path("models/quick"), 2, 3)
    assert outcome == JobOutcome()
    assert not bench.runner.running


@both
@pytest.mark.parametrize(
    ("kind", "until"),
    [
        ("reading", Message),
        ("endless", Batch),
        ("validation", Message),
        ("previewing", Preview),
        ("labelling", Epoch),
    ],
)
def test_it_can_be_cancelled_in_each_phase(bench, kind, until):
    bench.start(kind, until)
    with bench.ended() as ended:
        bench.runner.cancel()
        assert bench.runner.cancelling
    assert ended.args[0] == JobOutcome(cancelled=True)
    assert (bench.closed / kind).exists()
    assert not bench.runner.running
    assert not bench.runner.cancelling


@both
def test_it_can_be_cancelled_before_it_has_begun(bench):
    with bench.ended() as ended:
        bench.runner.start(bench.job("endless"))
        bench.runner.cancel()
        assert bench.runner.cancelling
    assert ended.args[0] == JobOutcome(cancelled=True)


@both
def test_it_rests_while_paused_and_goes_on(bench):
    bench.start("endless", Epoch)
    assert not bench.runner.paused
    with bench.event(Paused):
        bench.runner.pause()
        assert bench.runner.paused
    with bench.qtbot.assertNotEmitted(bench.runner.event_received, wait=300):
        assert bench.runner.running
    with bench.event(Resumed):
        bench.runner.resume()
        assert not bench.runner.paused
    with bench.event(Epoch):
        pass


@both
def test_it_can_be_paused_before_it_has_begun(bench):
    with bench.event(Paused):
        bench.runner.start(bench.job("endless"))
        bench.runner.pause()
    assert bench.runner.paused


@both
def test_it_can_be_cancelled_while_paused(bench):
    bench.start("endless", Epoch)
    with bench.event(Paused):
        bench.runner.pause()
    with bench.ended() as ended:
        bench.runner.cancel()
    assert ended.args[0] == JobOutcome(cancelled=True)
    assert (bench.closed / "endless").exists()
    assert not bench.runner.paused


@both
def test_a_mistake_is_told_in_its_own_words(bench, told):
    events, outcome = bench.run("mistaken")
    assert events == [Message("reading pat1")]
    assert isinstance(outcome.error, McwssError)
    assert [notification.message for notification in told] == ["no tags: tag some"]


@both
def test_an_unexpected_failure_is_told_and_logged(bench, told, caplog):
    _, outcome = bench.run("broken")
    assert outcome.error is not None
    assert len(told) == 1
    assert told[0].message.endswith("two and two are five")
    assert "the training of broken failed" in caplog.text
    assert "Traceback" in caplog.text


@both
def test_a_second_start_is_refused(bench):
    bench.start("endless", Batch)
    with pytest.raises(McwssError, match="the training of endless is still running"):
        bench.runner.start(bench.job("quick"))
    with bench.ended():
        bench.runner.cancel()
    assert bench.run("quick")[1] == JobOutcome()


BARE = """
import pathlib, sys, time
events, commands = map(pathlib.Path, sys.argv[1:3])
*first, last = sys.argv[3:]
events.write_text("".join(f"{line}\\n" for line in first))
while not commands.exists(): time.sleep(0.005)
with events.open("a") as file: file.write(f"{last}\\n")
"""
"""Python alone, which starts in a moment: a batch, and the end once there is a command."""


@pytest.fixture
def quick_job(bench, monkeypatch) -> Callable[[], Job | ProcessJob]:
    """Give trainings that take no time to start or to end."""
    if not bench.is_process:
        return lambda: bench.job("endless")
    monkeypatch.setattr(processes, "INTERVAL", 0.005)
    run = RunFolder.of(bench.study, "bare")
    lines = map(to_line, (Began("bare"), Batch(1, 1, 1, {"total": 1}, 1, 0), Cancelled()))
    command = [sys.executable, "-S", "-c", BARE, str(run.events), str(commands_file(run.events))]
    command += lines
    return lambda: ProcessJob(run, command)


@both
def test_50_cycles_of_start_and_cancel_leave_nothing_behind(bench, quick_job):
    program = psutil.Process()
    handles = program.num_handles if os.name == "nt" else program.num_fds

    def cycles(count: int) -> tuple[int, int, int]:
        for _ in range(count):
            with bench.event(Batch):
                bench.runner.start(quick_job())
            with bench.ended() as ended:
                bench.runner.cancel()
            assert ended.args[0] == JobOutcome(cancelled=True)
        gc.collect()
        return program.num_threads(), handles(), program.memory_info().rss

    others = set(program.children())
    threads, opened, memory = cycles(3)
    later = cycles(50)
    # Qt keeps a thread or two for what comes next, each with a handle.
    assert later[0] <= threads + 2
    assert later[1] <= opened + 2
    assert later[2] <= memory + 20_000_000
    assert set(program.children()) <= others


@in_a_thread
@pytest.mark.parametrize("paused", [False, True])
def test_a_thread_ends_with_its_widget(bench, paused):
    bench.start("endless", Epoch)
    if paused:
        with bench.event(Paused):
            bench.runner.pause()
    with bench.qtbot.waitSignal(bench.parent.destroyed):
        bench.parent.deleteLater()
    bench.wait_until_closed("endless")
    bench.parent = QObject()
    bench.runner = Background(bench.parent)


class TestProcess:
    """What a process does that a thread cannot."""

    @pytest.fixture
    def second(self, bench) -> Iterator[Bench]:
        """A program that is opened later, on the same study."""
        parent = QObject()
        second = Bench(bench.qtbot, parent, ProcessRunner(parent), bench.study, bench.closed)
        yield second
        second.end()

    def test_its_folder_is_gone_when_its_end_was_told(self, bench):
        bench.start("endless", Epoch)
        run = RunFolder.of(bench.study, "endless")
        assert run.live
        assert [found.model for found in RunFolder.all(bench.study)] == ["endless"]
        with bench.ended():
            bench.runner.cancel()
        assert RunFolder.all(bench.study) == []
        assert bench.study.model_names() == []

    @pytest.mark.parametrize("paused", [False, True])
    def test_it_outlives_its_widget_and_is_found_again(self, bench, second, paused):
        bench.start("endless", Epoch)
        if paused:
            with bench.event(Paused):
                bench.runner.pause()
        with bench.qtbot.assertNotEmitted(bench.runner.ended):
            bench.runner.leave()
            bench.qtbot.waitUntil(lambda: not bench.runner.running, timeout=PATIENCE)
        (run,) = RunFolder.all(bench.study)
        assert run.live
        with second.event(Epoch):
            second.runner.attach(run)
        if paused:
            bench.qtbot.waitUntil(lambda: second.runner.paused, timeout=PATIENCE)
            with second.event(Resumed):
                second.runner.resume()
        with second.event(Paused):
            second.runner.pause()
        with second.ended() as ended:
            second.runner.cancel()
        assert ended.args[0] == JobOutcome(cancelled=True)
        assert (bench.closed / "endless").exists()

    def test_its_end_while_nobody_looked_is_told_later(self, bench, second):
        bench.start("endless", Epoch)
        bench.runner.leave()
        (run,) = RunFolder.all(bench.study)
        bench.qtbot.waitUntil(lambda: not bench.runner.running, timeout=PATIENCE)
        run.tell("cancel")
        bench.qtbot.waitUntil(lambda: not run.live, timeout=PATIENCE)
        with second.ended() as ended:
            second.runner.attach(run)
        assert ended.args[0] == JobOutcome(cancelled=True)
        assert RunFolder.all(bench.study) == []

    def test_two_programs_follow_it_to_its_end(self, bench, second):
        bench.start("endless", Epoch)
        with second.event(Epoch):
            second.runner.attach(*RunFolder.all(bench.study))
        with second.ended() as theirs, bench.ended() as ours:
            second.runner.cancel()
        assert ours.args[0] == theirs.args[0] == JobOutcome(cancelled=True)

    def test_one_that_is_stuck_can_be_ended_at_once(self, bench, told):
        bench.start("stuck", Batch)
        process = psutil.Process(RunFolder.of(bench.study, "stuck").began.process)
        bench.runner.cancel()
        with bench.ended() as ended:
            bench.runner.end_now()
        assert ended.args[0] == JobOutcome(cancelled=True)
        assert told == []
        assert not process.is_running()
        assert not (bench.closed / "stuck").exists()
        assert RunFolder.all(bench.study) == []

    def test_it_leaves_a_core_to_the_screen_and_lets_others_go_first(self, bench):
        bench.start("endless", Batch)
        process = psutil.Process(RunFolder.of(bench.study, "endless").began.process)
        usual = str(max(1, os.cpu_count() - 1))
        assert process.environ()["OMP_NUM_THREADS"] == os.environ.get("OMP_NUM_THREADS", usual)
        if os.name == "posix":
            assert process.nice() == max(10, psutil.Process().nice())

    def test_a_model_in_training_elsewhere_is_refused(self, bench, second):
        bench.start("endless", Epoch)
        with pytest.raises(McwssError, match="still running in a separate process \\(process"):
            second.runner.start(second.job("endless"))
        assert not second.runner.running

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that kill")
    def test_being_killed_is_told_in_one_line(self, bench, told):
        _, outcome = bench.run("killed")
        assert isinstance(outcome.error, McwssError)
        assert "was killed, as when memory runs out" in told[0].message
        assert "\n" not in told[0].message
        assert RunFolder.all(bench.study) == []

    def test_an_end_without_a_word_is_told_in_one_line(self, bench, told):
        bench.run("leaving")
        assert [notification.message for notification in told] == [
            "the training of leaving has ended unexpectedly (exit code 7)"
        ]

    def test_a_program_that_cannot_start_is_told(self, bench, told):
        job = ProcessJob(RunFolder.of(bench.study, "m"), [sys.executable, "-c", "import nothing"])
        with bench.ended():
            bench.runner.start(job)
        assert "(exit code 1); its last line: ModuleNotFoundError" in told[0].message

    def test_a_run_whose_process_is_gone_is_told_as_dead(self, bench, told):
        run = RunFolder.of(bench.study, "m")
        run.make()
        # Of a process that had the number of this one, years ago; it was killed at its last line.
        began = Began("m", time="2001-01-01T00:00:00+00:00")
        run.events.write_text(to_line(began) + '\n{"event": "message", "text": "a"}\n{"event": "ba')
        assert not run.live
        events: list[object] = []
        bench.runner.event_received.connect(events.append)
        with bench.ended():
            bench.runner.attach(run)
        assert events == [Message("a")]
        assert "has ended unexpectedly, as when it is killed" in told[0].message
        assert RunFolder.all(bench.study) == []

    def test_a_run_of_another_computer_says_what_to_do(self, bench):
        run = RunFolder.of(bench.study, "quick")
        run.make()
        run.events.write_text(f"{to_line(Began('quick', host='another'))}\n")
        assert run.live
        assert not run.here
        with pytest.raises(McwssError, match=r"on another, .*if it no longer runs, remove '.*run'"):
            bench.runner.start(bench.job("quick"))

    def test_a_program_that_is_not_there_is_told(self, bench, told):
        run = RunFolder.of(bench.study, "m")
        with bench.ended():
            bench.runner.start(ProcessJob(run, ["no such program"]))
        assert "cannot start the training of m (No such file" in told[0].message
        assert RunFolder.all(bench.study) == []

    def test_events_of_a_newer_version_are_refused(self, bench, told):
        run = RunFolder.of(bench.study, "m")
        run.make()
        run.events.write_text(f"{to_line(Began('m'))}\n{json.dumps({'event': 'dream'})}\n")
        with bench.ended():
            bench.runner.attach(run)
        assert "cannot follow the training of m: unknown event 'dream'" in told[0].message
        assert run.folder.exists()

    def test_what_a_dead_run_has_left_makes_way_for_a_new_one(self, bench):
        run = RunFolder.of(bench.study, "quick")
        run.make()
        began = Began("quick", time="2001-01-01T00:00:00+00:00")
        run.events.write_text(f"{to_line(began)}\n")
        assert bench.run("quick")[1] == JobOutcome()

    def test_a_folder_just_made_is_not_taken_for_a_dead_one(self, phantom_study):
        run = RunFolder.of(phantom_study, "m")
        run.make()
        assert run.live
        os.utime(run.folder, (time.time() - 3600,) * 2)
        assert not run.live
