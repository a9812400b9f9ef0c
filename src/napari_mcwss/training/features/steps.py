"""Steps of a fit of heads, whatever they learn from."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.presets.features import Features
from napari_mcwss.training.features.feature_set import FeatureBatch, FeatureSet

BATCH, PIXELS = 16, 4096
"""Slices of a step, or pixels of a step if single pixels are learnt from."""

WARM_UP = 20
"""Steps in which the rate rises."""


@dataclass(frozen=True)
class FitProgress:
    """A step of the fit: its loss terms by name, if it has any, and the share done, 0..1."""

    losses: dict[str, float]
    progress: float


def feature_statistics(
    data: FeatureSet, generator: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the means and deviations of features of each level, ``(width,)``, in some slices."""
    some = torch.randperm(len(data), generator=generator)[:64]
    # One by one: padding is no sample of anything.
    levels = [data.take(row[None]).levels for row in some]
    means, deviations = [], []
    for maps in zip(*levels, strict=True):
        values = torch.cat([part[0].flatten(1).float() for part in maps], 1)
        means.append(values.mean(1))
        deviations.append(values.std(1) + 1e-3)
    return means, deviations


def held_out_regions(preset: Features, batch: FeatureBatch, held: Tensor) -> Tensor:
    """Return the regions ``(slices, classes, h, w)`` by heads that hold back the slice's scan.

    With a single scan there is nothing to hold back, and every head counts.
    """
    judging = held | ~held.any(1, keepdim=True)
    weights = judging / judging.sum(1, keepdim=True)
    return (preset.regions(batch.levels) * weights[..., None, None, None]).sum(1)


def draw_rows(count: int, steps: int, generator: torch.Generator) -> list[Tensor]:
    """Return the rows of each step, in shuffled rounds of all slices."""
    rounds = -(-steps * BATCH // count)
    order = torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])
    return list(order[: steps * BATCH].split(BATCH))


def batch_on(device: torch.device, batch: FeatureBatch) -> FeatureBatch:
    """Return a batch on a device, in float32."""
    levels = [level.to(device).float() for level in batch.levels]
    return FeatureBatch(levels, batch.foreground.to(device).float(), batch.tags.to(device))


def foreground_at(foreground: Tensor, stride: int, finest: int) -> Tensor:
    """Reduce the share of foreground at the finest stride to a larger one."""
    return F.avg_pool2d(foreground, stride // finest) if stride > finest else foreground


def set_rate(optimiser: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    """Set the rate of a step: it rises at first, then falls to 0."""
    for group in optimiser.param_groups:
        group["lr"] = rate * min(1, (step + 1) / WARM_UP) * (1 - step / steps)


def take_step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take a step down the loss."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
