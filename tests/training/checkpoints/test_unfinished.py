"""What was not finished is not lost by accident, and one at a time goes on with it."""

import json
import subprocess
import sys

import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.unfinished import (
    STATE,
    SUMMARY,
    TrainingLockedError,
    Unfinished,
    UnfinishedError,
    give_up_training,
    unfinished_training,
    unfinished_trainings,
    working_folder,
)
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.distributed.batch_trainer import BatchTrainer
from napari_mcwss.training.events import Batch, Checkpoint, Epoch, Event, Finished, Started
from napari_mcwss.training.loop import resume, train

TINY = TrainingConfig(preset="local", width=2, epochs=2, batch_size=8, device="cpu")


def stop(events, kind: type[Event] = Batch) -> None:
    next(event for event in events if isinstance(event, kind))
    events.close()


def hidden(study: Study) -> list[str]:
    return sorted(path.name for path in (study.folder / "models").glob(".*"))


def test_an_unfinished_training_says_how_far_it_is(tagged_study: Study):
    assert unfinished_training(tagged_study, "m") is None
    assert unfinished_trainings(tagged_study) == []
    events = train(tagged_study, "m", TINY)
    next(e for e in events if isinstance(e, Batch) and (e.epoch, e.batch) == (2, 2))
    events.close()
    found = unfinished_training(tagged_study, "m")
    assert found is not None
    assert (found.name, found.epoch, found.batch, found.epochs) == ("m", 2, 2, 2)
    assert 0.5 < found.progress < 1
    assert found.config["width"] == 2
    assert found.running is None
    stop(train(tagged_study, "other", TINY))
    assert [each.name for each in unfinished_trainings(tagged_study)] == ["m", "other"]


@pytest.mark.parametrize(
    "summary",
    ['{"name": "x", "seconds": Infinity}', '{"name": "x", "progress": NaN}', "[" * 100_000, "\0"],
    ids=lambda summary: summary[:40],
)
def test_a_damaged_summary_is_as_none(phantom_study: Study, summary):
    folder = working_folder(phantom_study, "m")
    phantom_study.make_folder(folder)
    (folder / STATE).touch()
    (folder / SUMMARY).write_text(summary)
    assert unfinished_training(phantom_study, "m") == Unfinished(name="m")


def test_a_state_without_its_summary_counts(tagged_study: Study):
    stop(train(tagged_study, "m", TINY))
    (working_folder(tagged_study, "m") / SUMMARY).unlink()
    assert unfinished_training(tagged_study, "m").name == "m"
    list(resume(tagged_study, "m"))


def test_one_that_runs_now_names_its_process(tagged_study: Study):
    events = train(tagged_study, "m", TINY)
    next(e for e in events if isinstance(e, Checkpoint) and e.kind == "state")
    running = unfinished_training(tagged_study, "m").running
    assert running is not None
    with pytest.raises(TrainingLockedError):
        give_up_training(tagged_study, "m")
    events.close()
    assert unfinished_training(tagged_study, "m").running is None


def test_a_new_training_does_not_wipe_an_unfinished_one(tagged_study: Study):
    stop(train(tagged_study, "m", TINY))
    with pytest.raises(
        UnfinishedError, match=r"'m', in epoch 1 of 2: .*--resume.*--restart"
    ) as told:
        list(train(tagged_study, "m", TINY))
    assert told.value.unfinished.epoch == 1
    assert isinstance(list(resume(tagged_study, "m"))[-1], Finished)


def test_restart_gives_it_up_but_not_before_there_is_something_to_learn_from(tagged_study: Study):
    stop(train(tagged_study, "m", TINY))
    with pytest.raises(McwssError, match="no scan 'nobody'"):
        list(train(tagged_study, "m", TINY, scans=["nobody"], restart=True))
    stop(train(tagged_study, "m", TINY, restart=True), Started)
    assert unfinished_training(tagged_study, "m") is not None
    list(train(tagged_study, "m", TINY, restart=True))
    assert unfinished_training(tagged_study, "m") is None
    assert hidden(tagged_study) == []


def test_giving_up_leaves_the_models(tagged_study: Study):
    stop(train(tagged_study, "m", TINY))
    give_up_training(tagged_study, "m")
    assert unfinished_training(tagged_study, "m") is None
    assert tagged_study.model_names() == ["m"]
    give_up_training(tagged_study, "m")
    with pytest.raises(McwssError, match="no unfinished training of 'm'"):
        list(resume(tagged_study, "m"))


def test_a_second_training_of_a_name_is_refused_and_harms_nothing(tagged_study: Study):
    first = train(tagged_study, "m", TINY)
    next(event for event in first if isinstance(event, Batch))
    for second in (
        train(tagged_study, "m", TINY),
        train(tagged_study, "m", TINY, restart=True),
        resume(tagged_study, "m"),
    ):
        with pytest.raises(TrainingLockedError, match=r"'m' is in training already \(process"):
            next(second)
    stop(train(tagged_study, "n", TINY))
    assert isinstance(list(first)[-1], Finished)


KILLED = """
import os, signal, sys
from pathlib import Path
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Checkpoint
from napari_mcwss.training.loop import train
config = TrainingConfig(preset="local", width=2, epochs=2, batch_size=8, device="cpu")
for event in train(Study.open(Path(sys.argv[1])), "m", config):
    if isinstance(event, Checkpoint) and event.kind == "state":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_training_stands_in_nobodys_way(tagged_study: Study):
    list(train(tagged_study, "whole", TINY))
    done = subprocess.run([sys.executable, "-c", KILLED, tagged_study.folder], check=False)
    assert done.returncode == -9
    assert hidden(tagged_study) == [".m.lock", ".m.lock.guard", ".m.training"]
    with pytest.raises(UnfinishedError):
        list(train(tagged_study, "m", TINY))
    list(resume(tagged_study, "m"))
    states = [
        load_model(tagged_study.model_folder(name), device="cpu").preset.state_dict()
        for name in ("whole", "m")
    ]
    assert all(torch.allclose(states[0][k], states[1][k], rtol=0, atol=1e-6) for k in states[0])


def test_a_stopped_training_takes_its_own_place_again(tagged_study: Study):
    stop(train(tagged_study, "m", TINY), Epoch)
    stop(resume(tagged_study, "m"))
    assert tagged_study.model_names() == ["m"]
    assert read_info(tagged_study.model_folder("m")).epochs == 2


def test_a_model_says_where_its_training_was_stopped_until_it_is_finished(tagged_study: Study):
    def stopped(name: str) -> str:
        return read_info(tagged_study.model_folder(name)).stopped

    with pytest.warns(UserWarning, match="model m: the training was stopped"):
        stop(train(tagged_study, "m", TINY))
    assert stopped("m") == "epoch 1 of 2"
    stop(resume(tagged_study, "m"), Epoch)
    assert stopped("m") == "epoch 1 of 2"
    list(resume(tagged_study, "m"))
    assert stopped("m") == ""
    stop(train(tagged_study, "m", TINY.model_copy(update={"seed": 1})))
    assert (stopped("m"), stopped("m-stopped")) == ("", "epoch 1 of 2")


def test_an_older_model_stays_until_a_resumed_training_is_done(tagged_study: Study):
    list(train(tagged_study, "m", TINY))
    run = read_info(tagged_study.model_folder("m")).run
    stop(train(tagged_study, "m", TINY.model_copy(update={"seed": 1})))
    stop(resume(tagged_study, "m"))
    assert read_info(tagged_study.model_folder("m")).run == run
    assert set(tagged_study.model_names()) == {"m", "m-stopped"}
    list(resume(tagged_study, "m"))
    assert read_info(tagged_study.model_folder("m")).run != run
    assert tagged_study.model_names() == ["m"], "what it had learnt when it was stopped is in it"
    assert hidden(tagged_study) == []


def test_what_another_training_has_left_stays(tagged_study: Study):
    list(train(tagged_study, "m", TINY))
    stop(train(tagged_study, "m", TINY.model_copy(update={"seed": 1})))
    list(train(tagged_study, "m", TINY, restart=True))
    assert set(tagged_study.model_names()) == {"m", "m-stopped"}


def test_a_model_whose_name_was_taken_by_a_kill_gets_it_back(tagged_study: Study):
    list(train(tagged_study, "m", TINY))
    folder = tagged_study.model_folder("m")
    folder.rename(folder.with_name(".m.old"))
    stop(train(tagged_study, "m", TINY), Started)
    assert tagged_study.model_names() == ["m"]


@pytest.mark.parametrize("kind", [Started, None])
def test_what_has_learnt_nothing_leaves_nothing(tagged_study: Study, monkeypatch, kind):
    if kind:
        stop(train(tagged_study, "m", TINY), kind)
    else:

        def fail(*_):
            raise ZeroDivisionError

        monkeypatch.setattr(BatchTrainer, "learn", fail)
        with pytest.raises(ZeroDivisionError):
            list(train(tagged_study, "m", TINY))
    assert tagged_study.model_names() == []
    assert hidden(tagged_study) == []


def test_a_failure_leaves_the_last_state(tagged_study: Study, monkeypatch):
    list(train(tagged_study, "whole", TINY))
    learn, left = BatchTrainer.learn, iter(range(8))

    def fail(*arguments):
        if next(left, None) is None:
            raise ZeroDivisionError
        return learn(*arguments)

    monkeypatch.setattr("napari_mcwss.training.clock.MINUTE", 0.0)
    monkeypatch.setattr("napari_mcwss.training.clock.SHARE", 1e9)
    monkeypatch.setattr(BatchTrainer, "learn", fail)
    with pytest.raises(ZeroDivisionError):
        list(train(tagged_study, "m", TINY))
    monkeypatch.setattr(BatchTrainer, "learn", learn)
    found = unfinished_training(tagged_study, "m")
    assert (found.epoch - 1) * 5 + found.batch == 8
    list(resume(tagged_study, "m"))
    assert read_info(tagged_study.model_folder("m")).epochs == 2


def test_the_command_line_resumes(run, refused, tagged_study: Study):
    folder = tagged_study.folder
    assert "no unfinished training" in refused("train", folder, "--model", "m", "--resume")
    stop(train(tagged_study, "m", TINY))
    options = ("--preset", "local", "--epochs", 1, "--width", 2, "--device", "cpu")
    assert "--restart" in refused("train", folder, "--model", "m", *options)
    line = refused("train", folder, "--model", "m", "--resume", "--epochs", 3)
    assert "leave out --epochs" in line
    assert "reading scans" not in run("train", folder, "--model", "n", "--resume")[2]
    code, _, err = run("train", folder, "--model", "m", "--resume")
    assert code == 0
    assert "epoch 2: loss" in err
    stop(train(tagged_study, "n", TINY))
    code, _, err = run("train", folder, "--model", "n", "--restart", *options)
    assert code == 0
    assert "model n: 1 epoch in " in err
    assert json.loads((folder / "models/n/config.json").read_text())["epochs"] == 1


INTERRUPTED = """
import os, signal, sys
from napari_mcwss.cli import app as cli
from napari_mcwss.training.distributed.batch_trainer import BatchTrainer
learn = BatchTrainer.learn
def interrupted(*arguments):
    os.kill(os.getpid(), signal.SIGINT)
    return learn(*arguments)
BatchTrainer.learn = interrupted
sys.argv = ["napari-mcwss", "train", sys.argv[1], "--model", "m", "--preset", "local"]
sys.argv += ["--epochs", "2", "--width", "2"]
cli.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a process")
def test_ctrl_c_in_the_middle_of_a_step_loses_nothing(tagged_study: Study):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, tagged_study.folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "stopped: continue with --resume" in done.stderr) == (130, True), (
        done.stderr
    )
    assert unfinished_training(tagged_study, "m").batch == 1
