"""A training by a command of the user's, which may hand it on and end, is followed all the same."""

import os
import sys
from pathlib import Path

import pytest
from helpers import stand_in

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Batch, Finished
from napari_mcwss.training.process.launcher import by_template, run_process, train_command
from napari_mcwss.training.process.run_folder import RunFolder

QUEUE = """
import subprocess, sys
subprocess.Popen(
    ["sh", "-c", "sleep 1; " + sys.argv[1]], start_new_session=True,
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
"""
"""Hands a command on and ends at once, as sbatch does."""


def stand_in_command(run: RunFolder, study: Study) -> list[str]:
    own = [sys.executable, stand_in.__file__, "train", str(study.folder)]
    return [*own, "--model", run.model, "--events", str(run.events)]


@pytest.fixture
def queued(phantom_study: Study) -> RunFolder:
    """The folder of a training that was handed on, and has not begun."""
    run = RunFolder.of(phantom_study, "quick")
    run.make()
    run.mark_elsewhere()
    return run


def test_a_training_that_was_handed_on_is_followed_to_its_end(queued, phantom_study, tmp_path):
    script = tmp_path / "queue.py"
    script.write_text(QUEUE)
    template = f"{sys.executable} {script} {{command}}"
    command = by_template(template, stand_in_command(queued, phantom_study))
    told = [event for event in run_process(command, queued) if event is not None]
    assert any(isinstance(event, Batch) for event in told)
    assert isinstance(told[-1], Finished)
    assert not queued.folder.exists()


def test_a_command_that_stays_until_the_end_is_followed_too(queued, phantom_study):
    command = by_template("sh -c {command}", stand_in_command(queued, phantom_study))
    told = [event for event in run_process(command, queued) if event is not None]
    assert isinstance(told[-1], Finished)


def test_a_command_that_fails_is_told_with_its_words(queued):
    command = by_template("sh -c 'echo no such host >&2; exit 255' {command}", ["train"])
    with pytest.raises(McwssError, match=r"exit code 255\).*no such host"):
        list(run_process(command, queued))
    assert not queued.folder.exists()


def test_one_in_a_queue_waits_for_days_and_can_be_given_up(queued):
    long_ago = 1_000_000_000
    os.utime(queued.folder, (long_ago, long_ago))
    assert queued.live
    assert queued.ours
    queued.kill()
    assert not queued.folder.exists()


def test_a_template_passes_the_command_as_one_argument(phantom_study: Study):
    command = train_command(phantom_study, "m", TrainingConfig())
    there = by_template("sbatch --gres=gpu:1 --wrap={command}", command)
    assert there[:2] == ["sbatch", "--gres=gpu:1"]
    assert there[2].startswith(f"--wrap=napari-mcwss train {phantom_study.folder} --model m ")
    assert str(Path(sys.executable)) not in there[2]


@pytest.mark.parametrize(
    ("template", "message"),
    [("ssh gpu01", "no place for the command"), ("ssh 'gpu01 {command}", "close its quotes")],
)
def test_a_template_that_cannot_be_used_says_why(template, message):
    with pytest.raises(McwssError, match=message):
        by_template(template, ["train"])
