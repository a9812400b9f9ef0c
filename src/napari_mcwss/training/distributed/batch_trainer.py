"""What learns: a network and its optimiser, the same on all ranks of a training."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_mcwss.model.counts import counting_whole_batch
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.preset import Preset, TaggedBatch
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.augmentation import Views
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.distributed.ranks import Ranks
from napari_mcwss.training.length import WARM_UP


@dataclass(frozen=True)
class Draw:
    """What a step learns from, drawn once for all ranks.

    Attributes
    ----------
    slices : Tensor
        Indices ``(n,)``, of stacks one after another; for presets that compare
        slices in pairs, the second half are the references of the first.
    views : Views
        How each is seen.
    progress : float
        Share of the training that is done, 0..1.
    """

    slices: Tensor
    views: Views
    progress: float


class BatchTrainer:
    """Learns from one batch after the other.

    Parameters
    ----------
    preset : Preset
        The network with its losses; is put on the device.
    config : TrainingConfig
        Rates.
    device : torch.device
        Where to.
    ranks : Ranks
        Who takes a share of each batch; all make their learners at the same time.
    """

    def __init__(
        self, preset: Preset, config: TrainingConfig, device: torch.device, ranks: Ranks
    ) -> None:
        self.preset = preset.to(device)
        self._config, self._device, self._ranks = config, device, ranks
        self._losses = ranks.together(_Losses(self.preset), device, parts=preset.trains_in_parts)
        self._optimiser = torch.optim.AdamW(
            preset.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )

    def state(self) -> dict[str, Any]:
        """Give all that a learner goes on from; valid until it does."""
        return {"network": self.preset.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Be where another learner was when it gave its state."""
        self.preset.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])

    def learn(self, data: SliceDataset, draw: Draw) -> dict[str, float]:
        """Learn from this rank's share of a batch, and all ranks from theirs.

        A loss that is no number teaches nothing.

        Returns
        -------
        dict
            Each loss term by name, and their sum, ``total``, over the whole batch.

        Raises
        ------
        McwssError
            As `Ranks.guarded`, if there are several.
        """
        try:
            with self._ranks.guarded():
                return self._step(data, draw)
        finally:
            self._optimiser.zero_grad(set_to_none=True)

    def _step(self, data: SliceDataset, draw: Draw) -> dict[str, float]:
        self._set_rate(draw.progress)
        self.preset.train()
        batch, share = self._share(data, draw)
        whole_batch = counting_whole_batch(lambda number: self._ranks.count(number, share))
        with autocast(self._device), whole_batch:
            terms: dict[str, Tensor] = self._losses(batch)
        total = torch.stack(list(terms.values())).sum()
        values = torch.stack([*terms.values(), total]).detach().float()
        self._ranks.average([values], share)
        if torch.isfinite(values[-1]):
            # The gradients of all ranks are averaged, whatever their shares.
            (total * (share * self._ranks.size)).backward()
            self._optimiser.step()
        # What losses note, as how good the shallow head is, each rank has noted of its share.
        noted = [buffer for buffer in self.preset.buffers() if buffer.is_floating_point()]
        self._ranks.average(noted, share)
        return dict(zip([*terms, "total"], values.tolist(), strict=True))

    def _set_rate(self, progress: float) -> None:
        stage = self.preset.phase_progress(progress)
        warm = min(1.0, (stage + 1e-3) / WARM_UP)
        rate = self._config.learning_rate * self.preset.rate
        rate *= warm * (1 + math.cos(math.pi * stage)) / 2
        for group in self._optimiser.param_groups:
            group["lr"] = rate

    def _share(self, data: SliceDataset, draw: Draw) -> tuple[TaggedBatch, float]:
        """Give this rank's part of a batch, and which share of it that is."""
        parts, depth = 2 if self.preset.compares_pairs else 1, self.preset.depth
        # A slice stays with its reference, and a stack whole.
        units, share = self._ranks.share(len(draw.slices) // (parts * depth))
        rows = (units[:, None] * depth + torch.arange(depth)).flatten()
        rows = torch.cat([rows + part * len(draw.slices) // parts for part in range(parts)])
        taken, views, device = data.take(draw.slices[rows]), draw.views[rows], self._device
        images, foreground = views.images(
            taken.images.to(device).float(), taken.foreground.to(device)
        )
        labels = None if taken.labels is None else views.labels(taken.labels.to(device))
        batch = TaggedBatch(
            images.contiguous(memory_format=torch.channels_last),
            foreground,
            taken.tags.to(device),
            data.frequency.to(device),
            draw.progress,
            labels,
        )
        return batch, share


class _Losses(nn.Module):
    """The losses of a preset as a forward pass: what several ranks learn by."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.preset = preset

    def forward(self, batch: TaggedBatch) -> dict[str, Tensor]:
        return self.preset.losses(batch)
