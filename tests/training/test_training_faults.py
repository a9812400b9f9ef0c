"""Memory that runs out, disks that do, kills: what was announced is never lost."""

import errno
import gc
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Iterable

import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.model.presets.local import Local
from napari_mcwss.study.study import Study
from napari_mcwss.training import stages
from napari_mcwss.training.checkpoints import training_folder
from napari_mcwss.training.checkpoints.unfinished import unfinished_training
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data import training_data
from napari_mcwss.training.events import (
    Advice,
    Batch,
    Checkpoint,
    Epoch,
    Event,
    Finished,
    Message,
)
from napari_mcwss.training.loop import resume, train
from napari_mcwss.training.memory import ran_out

TINY = TrainingConfig(preset="local", width=2, epochs=2, batch_size=8, device="cpu")
posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no fork and no SIGKILL")

ALLOCATORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 1 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
]


@pytest.mark.parametrize("error", ALLOCATORS, ids=str)
def test_what_allocators_say_is_understood(error):
    assert ran_out(error)
    assert not ran_out(RuntimeError("shapes do not match"))


def scarce(monkeypatch, slices: int) -> None:
    """Let the network have memory for so many slices a step."""
    losses = Local.losses

    def limited(self, batch):
        if len(batch.tags) > slices:
            raise RuntimeError(str(ALLOCATORS[2]))
        return losses(self, batch)

    monkeypatch.setattr(Local, "losses", limited)


def advice(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Advice)]


def test_steps_become_smaller_until_memory_suffices(tagged_study: Study, monkeypatch):
    scarce(monkeypatch, 4)
    events = list(train(tagged_study, "m", TINY.model_copy(update={"batch_size": 16})))
    told = [text for text in advice(events) if "memory" in text]
    assert ["16 slices" in told[0], "8 slices" in told[1], "with 4" in told[1]] == [True] * 3
    assert len(told) == 2
    batches = [event for event in events if isinstance(event, Batch)]
    assert batches[0].batches == 9
    progress = [event.progress for event in batches]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    assert isinstance(events[-1], Finished)


def test_a_training_that_ran_out_of_memory_resumes_with_its_smaller_steps(
    tagged_study: Study, monkeypatch
):
    scarce(monkeypatch, 4)
    list(train(tagged_study, "whole", TINY))
    events = train(tagged_study, "m", TINY)
    next(event for event in events if isinstance(event, Batch) and event.batch == 3)
    events.close()
    monkeypatch.undo()
    assert not any("memory" in text for text in advice(list(resume(tagged_study, "m"))))
    one, other = (
        load_model(tagged_study.model_folder(name), device="cpu").preset.state_dict()
        for name in ("whole", "m")
    )
    assert all(torch.allclose(one[k], other[k], rtol=0, atol=1e-6) for k in one)


def test_too_little_memory_for_the_smallest_step_ends_with_advice(tagged_study: Study, monkeypatch):
    scarce(monkeypatch, 1)
    with pytest.raises(McwssError, match=r"2 slices per step: .*smaller width") as told:
        list(train(tagged_study, "m", TINY))
    assert "\n" not in str(told.value)
    assert tagged_study.model_names() == []
    assert not list((tagged_study.folder / "models").iterdir())


def test_memory_may_run_out_while_validating_and_labelling(tagged_study: Study, monkeypatch):
    monkeypatch.setattr("napari_mcwss.training.data.split.MIN_SCANS_TO_VALIDATE", 2)
    score, predict = Local.score, Local.predict

    def limited(whole):
        def method(self, images, foreground):
            if len(images) > 4:
                raise MemoryError
            return whole(self, images, foreground)

        return method

    monkeypatch.setattr(Local, "score", limited(score))
    config = TINY.model_copy(update={"epochs": 1, "refine": True})
    told = [t for t in advice(list(train(tagged_study, "m", config))) if "memory" in t]
    assert len(told) == 2
    monkeypatch.undo()
    monkeypatch.setattr(Local, "predict", limited(predict))
    told = [t for t in advice(list(train(tagged_study, "n", config))) if "memory" in t]
    assert len(told) == 1


def test_too_little_memory_for_the_scans_ends_with_advice(tagged_study: Study, monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(training_data, "gather", fail)
    with pytest.raises(McwssError, match=r"while reading scans: .*larger pixels"):
        list(train(tagged_study, "m", TINY))


@pytest.mark.parametrize("how", ["cancel", "failure"])
def test_nothing_is_kept_alive_after_the_end(tagged_study: Study, monkeypatch, how):
    alive = []
    network = stages.new_network

    def watched(*arguments):
        made = network(*arguments)
        alive.append(weakref.ref(made))
        return made

    monkeypatch.setattr(stages, "new_network", watched)
    events = train(tagged_study, "m", TINY)
    next(event for event in events if isinstance(event, Batch))
    failure = None
    if how == "failure":
        scarce(monkeypatch, 1)
        with pytest.raises(McwssError) as failure:
            list(events)
    else:
        events.close()
    gc.collect()
    assert [reference() for reference in alive] == [None]
    # The driver may keep both.
    del events, failure


@pytest.mark.parametrize("kind", ["reading", "validating", "labelling", "Started", "Epoch"])
def test_it_can_be_cancelled_anywhere(tagged_study: Study, monkeypatch, kind):
    monkeypatch.setattr("napari_mcwss.training.data.split.MIN_SCANS_TO_VALIDATE", 2)
    events = train(tagged_study, "m", TINY.model_copy(update={"epochs": 1, "refine": True}))

    def wanted(event: Event) -> bool:
        text = event.text if isinstance(event, Message) else type(event).__name__
        return text.startswith(kind)

    next(event for event in events if wanted(event))
    events.close()
    learnt = kind not in ("reading", "Started")
    assert tagged_study.model_names() == (["m"] if learnt else [])
    assert (unfinished_training(tagged_study, "m") is not None) == learnt


def drive(events: Iterable[Event], seen: list[Event]) -> None:
    """Take note of each event before the next one is asked for."""
    seen.extend(events)


def no_room(monkeypatch, refuses) -> None:
    """Let writing fail for some of the files, as on a disk that is full."""
    really = training_folder.write_state, training_folder.save_model

    def full(write):
        def attempt(path, *arguments):
            if refuses():
                raise McwssError(f"cannot write '{path}': {os.strerror(errno.ENOSPC)}")
            write(path, *arguments)

        return attempt

    monkeypatch.setattr(training_folder, "write_state", full(really[0]))
    monkeypatch.setattr(training_folder, "save_model", full(really[1]))


def test_a_disk_that_is_full_for_a_while_stops_no_training(tagged_study: Study, monkeypatch):
    monkeypatch.setattr("napari_mcwss.training.clock.SHARE", 1e9)
    now: list[Event] = []
    no_room(monkeypatch, lambda: sum(isinstance(e, Epoch) for e in now) in (1, 2))
    drive(train(tagged_study, "m", TINY.model_copy(update={"epochs": 5})), now)
    told = [text for text in advice(now) if "No space left" in text]
    assert len(told) == 1
    assert told[0].endswith("; the training goes on and tries again")
    states = [e.epoch for e in now if isinstance(e, Checkpoint) and e.kind == "state"]
    assert states == [1, 4, 5]
    assert read_info(tagged_study.model_folder("m")).epochs == 5


def test_a_disk_that_stays_full_leaves_the_last_state(tagged_study: Study, monkeypatch):
    monkeypatch.setattr("napari_mcwss.training.clock.SHARE", 1e9)
    list(train(tagged_study, "m", TINY))
    before = read_info(tagged_study.model_folder("m")).run
    now: list[Event] = []
    no_room(monkeypatch, lambda: any(isinstance(e, Epoch) for e in now))
    with pytest.raises(McwssError, match="No space left"):
        drive(train(tagged_study, "m", TINY.model_copy(update={"seed": 1})), now)
    assert read_info(tagged_study.model_folder("m")).run == before
    found = unfinished_training(tagged_study, "m")
    assert (found.epoch, found.progress) == (1, 0.5)
    monkeypatch.undo()
    list(resume(tagged_study, "m"))
    assert read_info(tagged_study.model_folder("m")).run != before


def test_a_cancel_on_a_full_disk_says_so_and_leaves_the_last_state(
    tagged_study: Study, monkeypatch
):
    monkeypatch.setattr("napari_mcwss.training.clock.SHARE", 1e9)
    events = train(tagged_study, "m", TINY.model_copy(update={"epochs": 3}))
    next(event for event in events if isinstance(event, Epoch))
    next(event for event in events if isinstance(event, Batch))
    no_room(monkeypatch, lambda: True)
    with pytest.raises(McwssError, match="No space left"):
        events.close()
    assert unfinished_training(tagged_study, "m").epoch == 1
    monkeypatch.undo()
    list(resume(tagged_study, "m"))


FULL = """
import json, resource, signal, sys
from pathlib import Path
from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.study import Study
from napari_mcwss.training import clock
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Advice, Batch, Epoch
from napari_mcwss.training.loop import resume, train

clock.SHARE = 1e9
study, told = Study.open(Path(sys.argv[1])), []
config = TrainingConfig(preset="local", width=2, epochs=4, batch_size=8, device="cpu")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
error = ""
try:
    for event in train(study, "m", config):
        if isinstance(event, Epoch) and event.epoch == 1:
            # Less than the network needs, more than the lock and the summary do.
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, unlimited[1]))
        if isinstance(event, Advice):
            told.append(event.text)
except McwssError as end:
    error = str(end)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
first = [event.epoch for event in resume(study, "m") if isinstance(event, Batch)][0]
print(json.dumps([told, error, first]))
"""


@posix_only
def test_a_file_system_that_runs_full(tagged_study: Study):
    done = subprocess.run(
        [sys.executable, "-c", FULL, tagged_study.folder],
        capture_output=True,
        text=True,
        check=True,
    )
    told, error, first = json.loads(done.stdout)
    assert [text for text in told if "the training goes on" in text]
    assert error.startswith("cannot write")
    assert first == 2
    assert tagged_study.model_names() == ["m"]


def test_weights_that_are_not_finite_become_no_model(tagged_study: Study, monkeypatch):
    """A gradient can be NaN though the loss is not, and no loss follows the last step."""
    losses, taken, last = Local.losses, 0, 0

    def spoil(self, batch):
        nonlocal taken
        taken += 1
        found = losses(self, batch)
        if taken == last:
            # The root of 0 has an infinite slope, which times 0 is NaN.
            zero = next(self.parameters()).flatten()[0] * 0
            found["extra"] = (zero * zero).sqrt()
        return found

    monkeypatch.setattr(Local, "losses", spoil)
    list(train(tagged_study, "whole", TINY))
    taken, last = 0, taken
    with pytest.raises(McwssError, match="weights are not finite: train again with another seed"):
        list(train(tagged_study, "m", TINY))
    assert taken == last
    for name in tagged_study.model_names():
        load_model(tagged_study.model_folder(name), device="cpu")
