"""A run told as lines, and steered by commands, from another process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_mcwss.segmentation.batch_progress import ScanProgress
from napari_mcwss.study.study import Study
from napari_mcwss.training.events import Epoch, Finished, Message
from napari_mcwss.training.process.event_json import Began, Cancelled, Error, Line, from_line
from napari_mcwss.training.process.reporting import report
from napari_mcwss.training.process.steering import Paused, Resumed, Steering

QUICK = ("--preset", "local", "--epochs", 1, "--width", 2, "--pixel", 4, "--device", "cpu")

Start = Callable[[object], subprocess.Popen[str]]
STAND_IN = Path(__file__).parents[2] / "helpers" / "stand_in.py"


@pytest.fixture
def reading(phantom_study: Study) -> Iterator[Start]:
    """Start the command line, as a process, on a training that reads for ever."""
    started: list[subprocess.Popen[str]] = []

    def start(target: object) -> subprocess.Popen[str]:
        command = [sys.executable, STAND_IN, "train", phantom_study.folder]
        command += ["--model", "reading", "--events", target]
        pipe = subprocess.PIPE
        words = [str(word) for word in command]
        started.append(subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lines(text: str) -> list[Line]:
    return [from_line(line) for line in text.splitlines()]


def read_until(process: subprocess.Popen[str], kind: type) -> Line:
    assert process.stdout is not None
    for line in process.stdout:
        event = from_line(line)
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


def tell(process: subprocess.Popen[str], command: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{command}\n")
    process.stdin.flush()


def test_a_training_is_told_as_lines_and_nothing_else(run, tagged_study: Study):
    code, out, err = run("train", tagged_study.folder, "--model", "m", *QUICK, "--events", "-")
    assert code == 0
    events = lines(out)
    assert isinstance(events[0], Began)
    assert [event.epoch for event in events if isinstance(event, Epoch)] == [1]
    assert isinstance(events[-1], Finished)
    assert "epoch" not in err


def test_a_mistake_is_told_on_both_ways(run, tagged_study: Study):
    code, out, err = run("train", tagged_study.folder, "--model", "m", "--epochs", 0, "--events=-")
    assert code == 2
    assert isinstance(lines(out)[-1], Error)
    assert "epochs" in lines(out)[-1].text
    assert "error: --epochs 0: expected at least 1" in err


def test_events_that_cannot_be_written_are_refused(refused, tagged_study: Study, tmp_path):
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "events.jsonl"
    assert "cannot write" in refused("train", tagged_study.folder, "--model=m", "--events", target)
    assert not tagged_study.model_names()


def test_commands_on_standard_input_steer(reading):
    process = reading("-")
    read_until(process, Message)
    tell(process, "pause")
    read_until(process, Paused)
    tell(process, "resume")
    read_until(process, Resumed)
    read_until(process, Message)
    tell(process, "cancel")
    read_until(process, Cancelled)
    assert process.wait() == 130


def test_the_end_of_standard_input_stops_nothing(reading):
    process = reading("-")
    process.stdin.close()
    process.stdin = None
    for _ in range(50):
        read_until(process, Message)
    assert process.poll() is None


def test_a_reader_that_goes_away_stops_nothing(reading):
    process = reading("-")
    read_until(process, Message)
    process.stdout.close()
    process.stdout = None
    tell(process, "no command")
    assert "no command" in process.stderr.readline()
    tell(process, "no other")
    assert "no other" in process.stderr.readline()
    tell(process, "cancel")
    assert process.wait() == 130


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that ask")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_a_paused_run(reading, kind):
    process = reading("-")
    read_until(process, Message)
    tell(process, "pause")
    read_until(process, Paused)
    process.send_signal(kind)
    read_until(process, Cancelled)
    assert process.wait() == 130


def test_events_and_commands_go_by_files(reading, tmp_path):
    events = tmp_path / "run" / "events.jsonl"
    commands = events.with_suffix(".commands")
    events.parent.mkdir()
    commands.write_text("pause\ncancel\n")
    process = reading(events)
    assert process.wait() == 130
    told = lines(events.read_text())
    assert isinstance(told[0], Began)
    assert (told[0].model, told[0].process) == ("reading", process.pid)
    assert told[-1] == Cancelled()
    assert process.stdout.read() == ""


def test_the_beginning_of_each_scan_is_told_but_few_of_its_slices(tmp_path):
    path = tmp_path / "run" / "events.jsonl"
    told = [
        ScanProgress(scan, n, 9, done, 5 if done else 0)
        for n, scan in enumerate("abcdefghi", 1)
        for done in range(6)
    ]
    with report(str(path), "first", Steering()) as tell:
        for event in told:
            tell(event)
    written = [event for event in lines(path.read_text()) if isinstance(event, ScanProgress)]
    assert [event.scan for event in written if not event.total] == list("abcdefghi")
    assert 9 < len(written) < len(told)
