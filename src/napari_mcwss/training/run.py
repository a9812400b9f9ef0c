"""A stage of a training: which slices each step learns from, and how far it is."""

import math
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.preset import Preset
from napari_mcwss.training.clock import Clock
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.augmentation import draw_views
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.distributed.batch_trainer import BatchTrainer, Draw
from napari_mcwss.training.distributed.ranks import Ranks
from napari_mcwss.training.length import Length
from napari_mcwss.training.memory import BatchSize


class TrainingStep(NamedTuple):
    """A step of an epoch, counted from 1.

    `losses` has each term by name, and their sum, ``total``. `progress` is the share of the stage
    that is done, and `share` the share of the epoch that the step was, both 0..1.
    """

    batch: int
    batches: int
    losses: dict[str, float]
    progress: float
    slices: int
    share: float


@dataclass
class _EpochState:
    """How far an epoch is: its slices in their order, how many are done, losses by term."""

    epoch: int
    order: Tensor
    done: int = 0
    batches: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)


class Run:
    """Trains a network for the length of a stage, which it moves to the device.

    By default, it has a clock of its own, the configured batch size, and no other processes.
    """

    def __init__(
        self,
        preset: Preset,
        config: TrainingConfig,
        device: torch.device,
        clock: Clock | None = None,
        batch: BatchSize | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.config = config
        self._ranks = ranks or Ranks()
        self._trainer = BatchTrainer(preset, config, device, self._ranks)
        self.preset = self._trainer.preset
        self._clock = clock or Clock()
        self._batch = batch or BatchSize(config.batch_size)
        self._random = torch.Generator().manual_seed(config.seed)
        self.length = Length(config, preset.phase_starts)
        self._start = self._clock.seconds
        self._epoch_state: _EpochState | None = None

    @property
    def epochs(self) -> int:
        """The current or last epoch, counted from 1; 0 before the first."""
        return self._epoch_state.epoch if self._epoch_state else 0

    @property
    def unit(self) -> int:
        """Slices that are drawn together, as pairs or slabs."""
        return self.preset.depth * (2 if self.preset.compares_pairs else 1)

    @property
    def batches(self) -> int:
        """Steps of that epoch that are done."""
        return self._epoch_state.batches if self._epoch_state else 0

    @property
    def progress(self) -> float:
        """Share of the stage that is done, 0..1."""
        state = self._epoch_state
        return self._progress(state.epoch - 1 + state.done / len(state.order) if state else 0.0)

    def state(self) -> dict[str, Any]:
        """Return the state to `restore`, in tensors and plain values, valid until the next step."""
        return {
            **self._trainer.state(),
            "random": self._random.get_state(),
            "seconds": self._clock.seconds - self._start,
            "length": self.length.state(),
            "place": asdict(self._epoch_state) if self._epoch_state else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of another run."""
        self._trainer.restore(state)
        self._random.set_state(state["random"])
        self._start = self._clock.seconds - state["seconds"]
        self.length.restore(state.get("length", {}))
        self._epoch_state = _EpochState(**state["place"]) if state["place"] else None

    def over(self, epoch: int) -> bool:
        """Return whether the stage has reached its length with this epoch."""
        return self._progress(epoch) >= 1

    def epoch(
        self, data: SliceDataset, epoch: int
    ) -> Generator[TrainingStep, None, dict[str, float]]:
        """Train an epoch, counted from 1, as far as the minutes allow; return its mean losses.

        An epoch that was interrupted, by an error or before the state was restored, goes on.
        """
        units = max(1, data.drawn // self.unit)
        if self._epoch_state is None or self._epoch_state.epoch != epoch:
            self._epoch_state = _EpochState(epoch, data.order(self._random)[:units])
        state = self._epoch_state
        progress = self.progress
        while state.done < units and (progress < 1 or not state.batches):
            size = max(1, self._batch.slices // self.unit)
            shuffled = state.order[state.done : state.done + size]
            losses = self.learn(data, shuffled, progress)
            for term, value in losses.items():
                state.losses.setdefault(term, []).append(value)
            state.done += len(shuffled)
            state.batches += 1
            batches = state.batches + math.ceil((units - state.done) / size)
            progress = self.progress
            count = len(shuffled)
            slices = self.unit * count
            yield TrainingStep(state.batches, batches, losses, progress, slices, count / units)
        return {term: fmean(values) for term, values in state.losses.items()}

    def learn(self, data: SliceDataset, shuffled: Tensor, progress: float) -> dict[str, float]:
        """Take a step; if it fails, the random state is as before.

        `shuffled` are the indices ``(n,)`` of its slices, without references; `progress` is the
        share of the stage that is done, 0..1. Return each loss term by name, and their sum,
        ``total``.

        Raises
        ------
        McwssError
            If the loss is not finite.
        """
        before = self._random.get_state()
        try:
            draw = self._draw(data, shuffled, progress)
            self._ranks.tell(draw)
            losses = self._trainer.learn(data, draw)
        except BaseException:
            self._random.set_state(before)
            raise
        if not math.isfinite(losses["total"]):
            raise McwssError(
                f"the loss became {losses['total']}: train again with another seed, or tag more "
                "slices"
            )
        return losses

    def _progress(self, epochs: float) -> float:
        return self.length.share(epochs, self._clock.seconds - self._start)

    def _draw(self, data: SliceDataset, shuffled: Tensor, progress: float) -> Draw:
        """Draw a batch of the shuffled slices, or of any if they have weights."""
        weights = self.preset.draw_weights(data.tags, progress)
        weights = data.weights if weights is None else weights
        if weights is not None:
            shuffled = torch.multinomial(
                weights, len(shuffled), replacement=True, generator=self._random
            )
        if self.preset.compares_pairs:
            shuffled = torch.cat([shuffled, data.draw_references(shuffled, self._random)])
        if self.preset.depth > 1:
            shuffled = data.slabs(shuffled, self.preset.depth, self._random)
        shape = (len(shuffled), *data.images.shape[1:])
        return Draw(shuffled, draw_views(shape, self._random, self.preset.depth), progress)
