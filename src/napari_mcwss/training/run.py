"""The optimisation itself: batches, learning rate, clock."""

import math
import time
from collections import defaultdict
from collections.abc import Generator
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from napari_mcwss.errors import McwssError
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.preset import Preset, TaggedBatch
from napari_mcwss.training.augmentation import draw_views
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.slices import TaggedSlices

WARM_UP = 0.1
"""Share of a stage over which the learning rate rises."""


class Step(NamedTuple):
    """One step of an epoch.

    Attributes
    ----------
    batch, batches : int
        Of the step, counted from 1, and batches in the epoch.
    losses : dict
        Each loss term by name, and their sum, ``total``.
    progress : float
        Share of the run that is done, 0..1.
    """

    batch: int
    batches: int
    losses: dict[str, float]
    progress: float


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
    """

    def __init__(self, preset: Preset, config: TrainingConfig, device: torch.device) -> None:
        self.preset = preset.to(device)
        self.config = config
        self.device = device
        self._optimiser = torch.optim.AdamW(
            preset.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self._random = torch.Generator().manual_seed(config.seed)
        self._start = time.monotonic()

    def over(self, epoch: int) -> bool:
        """Tell whether the run has reached its length with this epoch."""
        return self._progress(epoch) >= 1

    def epoch(self, data: TaggedSlices, epoch: int) -> Generator[Step, None, dict[str, float]]:
        """Train an epoch, counted from 1, or what the minutes leave of it; give its mean losses."""
        size = self.config.batch_size // 2 if self.preset.compares_pairs else self.config.batch_size
        units = data.drawn // 2 if self.preset.compares_pairs else data.drawn
        batches = math.ceil(units / size)
        history: dict[str, list[float]] = defaultdict(list)
        order = data.order(self._random)[:units].split(size)
        self.preset.train()
        for number, shuffled in enumerate(order, 1):
            progress = self._progress(epoch - 1 + (number - 1) / batches)
            indices = self._draw(data, shuffled, progress)
            for term, value in self._step(data, indices, progress).items():
                history[term].append(value)
            progress = self._progress(epoch - 1 + number / batches)
            yield Step(
                number, batches, {term: values[-1] for term, values in history.items()}, progress
            )
            if progress >= 1:
                break
        return {term: fmean(values) for term, values in history.items()}

    def _progress(self, epochs: float) -> float:
        """Share of the run that is done: by epochs or by the clock, what is further."""
        last, minutes = self.config.epochs, self.config.minutes
        elapsed = time.monotonic() - self._start
        return min(
            1.0,
            max(epochs / last if last else 0.0, elapsed / (60 * minutes) if minutes else 0.0),
        )

    def _draw(self, data: TaggedSlices, shuffled: Tensor, progress: float) -> Tensor:
        """Give a batch: the shuffled slices, unless some are to be drawn more often."""
        weights = self.preset.draw_weights(data.tags, progress)
        weights = data.weights if weights is None else weights
        if weights is not None:
            shuffled = torch.multinomial(
                weights, len(shuffled), replacement=True, generator=self._random
            )
        if self.preset.compares_pairs:
            shuffled = torch.cat([shuffled, data.draw_references(shuffled, self._random)])
        return shuffled

    def _step(self, data: TaggedSlices, indices: Tensor, progress: float) -> dict[str, float]:
        stage = self.preset.stage_progress(progress)
        warm = min(1.0, (stage + 1e-3) / WARM_UP)
        rate = self.config.learning_rate * self.preset.rate
        rate *= warm * (1 + math.cos(math.pi * stage)) / 2
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        images = data.images[indices].to(self.device).float()
        views = draw_views(images, self._random)
        images, tissue = views.images(images, data.tissue[indices].to(self.device))
        labels = None
        if data.labels is not None:
            labels = views.labels(data.labels[indices].to(self.device))
        batch = TaggedBatch(
            images.contiguous(memory_format=torch.channels_last),
            tissue,
            data.tags[indices].to(self.device),
            data.frequency.to(self.device),
            progress,
            labels,
        )
        with autocast(self.device):
            terms = self.preset.losses(batch)
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            raise McwssError(
                f"the loss became {total.item()}: train again with another seed, or tag more slices"
            )
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        self._optimiser.step()
        names = [*terms, "total"]
        values = torch.stack([*terms.values(), total]).detach().float().tolist()
        return dict(zip(names, values, strict=True))
