"""Several processes learn together what one learns alone."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_mcwss.errors import McwssError
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.project import Study
from napari_mcwss.torchrun import Launch
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Batch, Epoch
from napari_mcwss.training.learner import follow
from napari_mcwss.training.loop import resume, train
from napari_mcwss.training.ranks import Ranks, joined
from ranks import start

TINY = TrainingConfig(width=2, epochs=2, batch_size=8, device="cpu", validation_share=0.5)
SECONDS = 60


def together(queue: Any, folder: Path, config: TrainingConfig) -> None:
    """Train in this process and the others."""
    torch.set_num_threads(1)
    with joined(Launch.of_environment()) as ranks:
        if ranks.launch.rank:
            follow(ranks)
        else:
            for event in train(Study.open(folder), "two", config, ranks=ranks):
                queue.put(event)


@pytest.mark.parametrize("preset", ["local", "mcwss"])
def test_two_processes_learn_what_one_does(tagged_study: Study, preset):
    config = TINY.model_copy(update={"preset": preset})
    processes, queue = start(together, tagged_study.folder, config)
    alone = list(train(tagged_study, "one", config))
    for process in processes:
        process.join(SECONDS)
    both = []
    while not queue.empty():
        both.append(queue.get())
    a=[e for e in alone if isinstance(e,Batch)]; b=[e for e in both if isinstance(e,Batch)]
    for x,y in zip(a,b): print(x.epoch,x.batch,x.losses,y.losses)
    for x in alone+both:
        if isinstance(x,Epoch): print(x.validation)
    assert 0
