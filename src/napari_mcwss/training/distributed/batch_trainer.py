"""A network and its optimiser, which take steps; the same on all ranks of a training."""

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
    """The random draw of a step, the same for all ranks.

    `slices` are indices ``(n,)``, slab after slab; if the preset compares pairs, the second half
    are the references of the first half. `progress` is the share of the training done, 0..1.
    """

    slices: Tensor
    views: Views
    progress: float


class BatchTrainer:
    """Takes the steps of a stage, one per batch; it moves the network to the device.

    All ranks create their trainers at the same time.
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
        """Return the state to `restore`, which is valid until the next step."""
        return {"network": self.preset.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of another trainer."""
        self.preset.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])

    def learn(self, data: SliceDataset, draw: Draw) -> dict[str, float]:
        """Take a step from this rank's share of a batch, while the others take theirs.

        If the loss is not finite, the weights stay as they are. Return each loss term of the whole
        batch by name, and their sum, ``total``. With several ranks, errors are those of
        `Ranks.guarded`.
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
        with autocast(self._device, self.preset), whole_batch:
            terms: dict[str, Tensor] = self._losses(batch)
        total = torch.stack(list(terms.values())).sum()
        values = torch.stack([*terms.values(), total]).detach().float()
        self._ranks.average([values], share)
        if torch.isfinite(values[-1]):
            # The mean of the ranks' gradients does not know their shares.
            (total * (share * self._ranks.size)).backward()
            self._optimiser.step()
        # Losses update buffers, such as the quality of the shallow head, by the rank's own share.
        buffers = [buffer for buffer in self.preset.buffers() if buffer.is_floating_point()]
        self._ranks.average(buffers, share)
        return dict(zip([*terms, "total"], values.tolist(), strict=True))

    def _set_rate(self, progress: float) -> None:
        phase = self.preset.phase_progress(progress)
        warm = min(1.0, (phase + 1e-3) / WARM_UP)
        rate = self._config.learning_rate * self.preset.rate
        rate *= warm * (1 + math.cos(math.pi * phase)) / 2
        for group in self._optimiser.param_groups:
            group["lr"] = rate

    def _share(self, data: SliceDataset, draw: Draw) -> tuple[TaggedBatch, float]:
        """Return this rank's part of a batch, and its share of the whole."""
        parts, depth = 2 if self.preset.compares_pairs else 1, self.preset.depth
        # A slice stays with its reference, and a slab stays whole.
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
    """The losses of a preset as a forward pass, as DistributedDataParallel needs them."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.preset = preset

    def forward(self, batch: TaggedBatch) -> dict[str, Tensor]:
        return self.preset.losses(batch)
