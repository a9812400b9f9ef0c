"""The course of a stage: which slices a step learns from, epoch by epoch, and its clock."""

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
    """One step of an epoch.

    Attributes
    ----------
    batch, batches : int
        Of the step, counted from 1, and batches in the epoch.
    losses : dict
        Each of the step's loss terms by name, and their sum, ``total``.
    progress : float
        Share of the run that is done, 0..1.
    slices : int
        In the step.
    share : float
        Of an epoch, 0..1.
    """

    batch: int
    batches: int
    losses: dict[str, float]
    progress: float
    slices: int
    share: float


@dataclass
class _Place:
    """How far an epoch is: the slices in their order, those that are done, losses by term."""

    epoch: int
    order: Tensor
    done: int = 0
    batches: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)


class Run:
    """Optimises a network over slices for a configured length.

    Parameters
    ----------
    preset : Preset
        The network with its losses; is put on the device.
    config : TrainingConfig
        Length, which is settled, batches, rates, seed.
    device : torch.device
        Where to.
    clock : Clock, optional
        Counts the minutes; one of its own if not given.
    batch : BatchSize, optional
        Slices a step; those of the configuration if not given.
    ranks : Ranks, optional
        Who takes a share of each step; this process alone if not given.

    Attributes
    ----------
    preset : Preset
        The network.
    length : Length
        How long it goes on.
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
        self._place: _Place | None = None

    @property
    def epochs(self) -> int:
        """The epoch that the run is in or has just done, counted from 1; 0 before the first."""
        return self._place.epoch if self._place else 0

    @property
    def batches(self) -> int:
        """Steps done of the epoch that the run is in."""
        return self._place.batches if self._place else 0

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0..1."""
        place = self._place
        return self._progress(place.epoch - 1 + place.done / len(place.order) if place else 0.0)

    def state(self) -> dict[str, Any]:
        """Give all that the run goes on from, in tensors and plain values; valid until it does."""
        return {
            **self._trainer.state(),
            "random": self._random.get_state(),
            "seconds": self._clock.seconds - self._start,
            "length": self.length.state(),
            "place": asdict(self._place) if self._place else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Be where another run was when it gave its state."""
        self._trainer.restore(state)
        self._random.set_state(state["random"])
        self._start = self._clock.seconds - state["seconds"]
        self.length.restore(state.get("length", {}))
        self._place = _Place(**state["place"]) if state["place"] else None

    def over(self, epoch: int) -> bool:
        """Tell whether the run has reached its length with this epoch."""
        return self._progress(epoch) >= 1

    def epoch(
        self, data: SliceDataset, epoch: int
    ) -> Generator[TrainingStep, None, dict[str, float]]:
        """Train an epoch, counted from 1, or what the minutes leave of it; give its mean losses.

        An epoch that was left in its middle, by an error or another run whose
        state was restored, goes on there.
        """
        unit = self.preset.depth * (2 if self.preset.compares_pairs else 1)
        units = max(1, data.drawn // unit)
        if self._place is None or self._place.epoch != epoch:
            self._place = _Place(epoch, data.order(self._random)[:units])
        place = self._place
        progress = self.progress
        while place.done < units and (progress < 1 or not place.batches):
            size = max(1, self._batch.slices // unit)
            shuffled = place.order[place.done : place.done + size]
            losses = self.learn(data, shuffled, progress)
            for term, value in losses.items():
                place.losses.setdefault(term, []).append(value)
            place.done += len(shuffled)
            place.batches += 1
            batches = place.batches + math.ceil((units - place.done) / size)
            progress = self.progress
            count = len(shuffled)
            yield TrainingStep(
                place.batches, batches, losses, progress, unit * count, count / units
            )
        return {term: fmean(values) for term, values in place.losses.items()}

    def learn(self, data: SliceDataset, shuffled: Tensor, progress: float) -> dict[str, float]:
        """Make a step; if that fails, nothing was drawn.

        Parameters
        ----------
        data : SliceDataset
            What is learnt from.
        shuffled : Tensor
            Indices of slices ``(n,)``; of presets that compare pairs, without references.
        progress : float
            Share of the run that is done, 0..1.

        Returns
        -------
        dict
            Each loss term by name, and ``total``.
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
        """Draw a batch: the shuffled slices, unless some are to be drawn more often."""
        weights = self.preset.draw_weights(data.tags, progress)
        weights = data.weights if weights is None else weights
        if weights is not None:
            shuffled = torch.multinomial(
                weights, len(shuffled), replacement=True, generator=self._random
            )
        if self.preset.compares_pairs:
            shuffled = torch.cat([shuffled, data.draw_references(shuffled, self._random)])
        if self.preset.depth > 1:
            shuffled = data.stacks(shuffled, self.preset.depth, self._random)
        shape = (len(shuffled), *data.images.shape[1:])
        return Draw(shuffled, draw_views(shape, self._random, self.preset.depth), progress)
