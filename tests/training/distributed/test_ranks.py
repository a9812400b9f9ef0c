"""Several processes learn together what one learns alone, and none is left behind."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.ranks import Processes

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model import devices
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import TagTable
from napari_mcwss.training.checkpoints.records import read_run
from napari_mcwss.training.checkpoints.unfinished import unfinished_training
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data import split
from napari_mcwss.training.distributed import ranks as rank_module
from napari_mcwss.training.distributed.following import follow
from napari_mcwss.training.distributed.launch import Launch
from napari_mcwss.training.distributed.ranks import RankLostError, Ranks, joined
from napari_mcwss.training.events import Batch, Epoch, Event, Finished
from napari_mcwss.training.loop import resume, train

TINY = TrainingConfig(
    preset="local", width=2, epochs=1, batch_size=8, device="cpu", validation_share=0.5
)

ROUNDING = 1e-3
"""By how much losses may differ: two processes add up in another order than one."""

EXACT = bool
"""Says that the processor has no bfloat16, which rounds more coarsely than by `ROUNDING`."""

SECONDS = 30
"""How long a process may take to notice that another is gone, on a busy machine."""


def learn(tell: Callable[[Any], None], folder: Path, config: TrainingConfig, stop: int) -> None:
    """Train with other processes; stop after some batches, tell what happens."""
    torch.set_num_threads(1)
    split.MIN_SCANS_TO_VALIDATE = 2
    rank_module.PIECE = 20_000  # a few slices: they come in portions
    devices._cpu_is_right_in_bfloat16 = EXACT
    try:
        with joined(Launch.of_environment()) as ranks:
            if ranks.launch.rank:
                follow(ranks)
                tell("let go")
                return
            study = Study.open(folder)
            left = unfinished_training(study, "m") is not None
            events = (
                resume(study, "m", ranks=ranks) if left else train(study, "m", config, ranks=ranks)
            )
            for event in events:
                tell(event)
                stop -= isinstance(event, Batch)
                if stop == 0:
                    events.close()
    except McwssError as error:
        tell(error)


def alone(study: Study, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    monkeypatch.setattr(split, "MIN_SCANS_TO_VALIDATE", 2)
    monkeypatch.setattr(devices, "_cpu_is_right_in_bfloat16", EXACT)
    return list(train(study, "one", config))


def of(kind: type, events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_two_processes_learn_what_one_does(tagged_study: Study, monkeypatch):
    config = TINY.model_copy(update={"preset": "mcwss", "seed": 1})
    together = Processes(learn, tagged_study.folder, config, -1)
    one = alone(tagged_study, config, monkeypatch)
    two = list(together.tells(0))
    assert list(together.tells(1)) == ["let go"]
    assert len(of(Batch, one)) == len(of(Batch, two)) > 1
    for kind in (Batch, Epoch):
        for this, other in zip(of(kind, one), of(kind, two), strict=True):
            assert this.losses == pytest.approx(other.losses, abs=ROUNDING)
    (ours,), (theirs,) = of(Epoch, one), of(Epoch, two)
    assert ours.validation == pytest.approx(theirs.validation, abs=0.02)
    assert ours.validation.keys() == {"TC", "ED"}
    told = [read_run(tagged_study, name).facts for name in ("one", "m")]
    assert [(f["processes"], f["backend"]) for f in told] == [("1", ""), ("2", "gloo")]


def test_a_training_of_two_processes_is_stopped_and_resumed(tagged_study: Study, monkeypatch):
    # The second stage is of the resumed ones alone; the losses that the first notes are saved.
    config = TINY.model_copy(update={"refine": True})
    stopped = Processes(learn, tagged_study.folder, config, 2)
    one = alone(tagged_study, config, monkeypatch)
    before = list(stopped.tells(0))
    assert list(stopped.tells(1)) == ["let go"]
    resumed = Processes(learn, tagged_study.folder, config, -1)
    after = list(resumed.tells(0))
    assert list(resumed.tells(1)) == ["let go"]
    assert isinstance(after[-1], Finished)
    batches = of(Batch, before + after)
    assert [(b.epoch, b.batch) for b in batches] == [(b.epoch, b.batch) for b in of(Batch, one)]
    for this, other in zip(of(Batch, one), batches, strict=True):
        # Dice is a share of its batch: the mean of two halves is another.
        if "dice" not in this.losses:
            assert this.losses == pytest.approx(other.losses, abs=ROUNDING)


@pytest.mark.slow
def test_two_processes_share_the_slabs_of_a_second_stage_in_3d(tmp_path: Path, monkeypatch):
    write_phantom(tmp_path / "scans", scans=2, size=(56, 33, 32))
    scans = find_scans(tmp_path / "scans", PHANTOM_CHANNELS)
    study = Study.create(
        tmp_path / "study", scans=scans, channels=PHANTOM_CHANNELS, classes=list(PHANTOM_CLASSES)
    )
    values = np.repeat(np.array([[0, 0], [1, 1]], np.int8), [28, 28], axis=0)
    for name in study.scan_names:
        study.tags.write({name: TagTable(study.class_names, values)})
    config = TINY.model_copy(update={"refine": True, "volumetric": True, "batch_size": 64})
    config = config.model_copy(update={"validation_share": 0.0})
    together = Processes(learn, study.folder, config, -1)
    one = [e for e in of(Batch, alone(study, config, monkeypatch)) if e.epoch == 2]
    two = [e for e in of(Batch, list(together.tells(0))) if e.epoch == 2]
    assert list(together.tells(1)) == ["let go"]
    # A step of two stacks, and one of a single stack, in which the second process has none.
    assert [e.batches for e in one] == [e.batches for e in two] == [2, 2]
    for this, other in zip(one, two, strict=True):
        # Dice is the mean of the processes' own, and the second step differs by it.
        assert this.losses == pytest.approx(other.losses, abs=0.02)
    assert one[0].losses["cross_entropy"] == pytest.approx(
        two[0].losses["cross_entropy"], abs=ROUNDING
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("killed", [0, 1])
def test_when_a_process_is_killed_the_others_say_so_and_end(tagged_study: Study, killed):
    config = TINY.model_copy(update={"epochs": 1000, "batch_size": 16})
    together = Processes(learn, tagged_study.folder, config, -1)
    events = together.tells(0)
    next(event for event in events if isinstance(event, Epoch))
    together.processes[killed].kill()
    start = time.monotonic()
    said = [word for word in together.tells(1 - killed) if isinstance(word, McwssError)]
    assert time.monotonic() - start < SECONDS
    assert [type(word) for word in said] == [RankLostError]
    assert "\n" not in str(said[0])
    assert "with train --resume" in str(said[0])
    left = unfinished_training(tagged_study, "m")
    assert left is not None
    assert left.epoch >= 1
    assert not left.running


def test_what_the_leader_may_not_train_lets_the_others_go(tagged_study: Study):
    together = Processes(learn, tagged_study.folder, TINY.model_copy(update={"batch_size": 2}), -1)
    (error,) = together.tells(0)
    assert "2 processes cannot share steps of 2 slices" in str(error)
    assert list(together.tells(1)) == ["let go"]


def test_ranks_share_all_rows_of_a_batch_once():
    shares = [Ranks(Launch(rank, 3)).share(8) for rank in range(3)]
    assert torch.cat([rows for rows, _ in shares]).tolist() == list(range(8))
    assert sum(share for _, share in shares) == pytest.approx(1)
    # Who has none left takes part without any weight.
    assert [Ranks(Launch(rank, 3)).share(2)[1] for rank in range(3)] == [0.5, 0.5, 0]
    assert len(Ranks(Launch(2, 3)).share(2)[0]) == 1


def test_a_network_that_notes_nothing_has_nothing_to_share():
    Ranks(Launch(0, 2)).average([], 0.5)


def test_a_gpu_is_each_process_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    assert Ranks(Launch(0, 2, 0)).device(torch.device("cuda")) == torch.device("cuda", 0)
    for launch, device in ((Launch(1, 2, 1), "cuda"), (Launch(0, 2, 0), "mps")):
        with pytest.raises(McwssError, match="start one process per GPU"):
            Ranks(launch).device(torch.device(device))
    assert Ranks(Launch(1, 2, 1)).device(torch.device("cpu")) == torch.device("cpu")
    assert Ranks().device(torch.device("cuda", 3)) == torch.device("cuda", 3)
