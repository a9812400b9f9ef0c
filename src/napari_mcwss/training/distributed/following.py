"""How the leader of a training has the other processes begin a stage, and how they follow it."""

import signal
from dataclasses import dataclass
from typing import Any

import torch

from napari_mcwss.model.preset import Preset
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.distributed.batch_trainer import BatchTrainer, Draw
from napari_mcwss.training.distributed.ranks import Ranks
from napari_mcwss.training.process.steering import ENDINGS

SENT = ("images", "foreground", "tags", "scan", "position")
"""Fields of `SliceDataset` that followers get, with the labels if there are any."""


@dataclass(frozen=True)
class Stage:
    """What a follower needs to begin a stage, beside the slices.

    The preset has its first weights, on the CPU; `state` is the `BatchTrainer.state` of a stage
    that is resumed.
    """

    preset: Preset
    config: TrainingConfig
    device: str
    state: dict[str, Any] | None


def begin(ranks: Ranks, stage: Stage, data: SliceDataset) -> None:
    """Send a stage and its slices to the followers, if there are any."""
    if ranks.size > 1:
        ranks.tell(stage)
        names = SENT if data.labels is None else (*SENT, "labels")
        ranks.spread({name: getattr(data, name) for name in names})


def follow(ranks: Ranks) -> None:
    """Train with the leader until it says that nothing is left, or is lost."""
    # Ctrl+C goes to all processes; the leader ends the training for all.
    for kind in ENDINGS:
        signal.signal(kind, signal.SIG_IGN)
    trainer = data = None
    while (message := ranks.hear()) is not None:
        match message:
            case Stage():
                # The leader alone draws slabs: followers need no strides.
                data = SliceDataset(**ranks.spread(), strides=())  # type: ignore[arg-type]
                device = ranks.device(torch.device(message.device))
                trainer = BatchTrainer(message.preset, message.config, device, ranks)
                if message.state is not None:
                    trainer.restore(message.state)
            case Draw() if trainer is not None and data is not None:
                trainer.learn(data, message)
