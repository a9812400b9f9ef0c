"""Batch norm over the slices of all ranks, as if one process trained with all of them."""

from typing import Any

import torch
from torch import Tensor, distributed, nn


def synchronise(module: nn.Module, device: torch.device) -> None:
    """Let all batch norms inside a module go over the slices of all ranks.

    Parameters and buffers stay the same.
    """
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(module)
        return
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, SharedBatchNorm.of(child))
        else:
            synchronise(child, device)


class SharedBatchNorm(nn.BatchNorm2d):
    """`torch.nn.SyncBatchNorm` for the CPU."""

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> "SharedBatchNorm":
        """Return a norm with the parameters and buffers of another one."""
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        for name, value in (*norm.named_parameters(), *norm.named_buffers()):
            setattr(shared, name, value)
        return shared

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise features ``(slices, features, h, w)``."""
        if not self.training:
            return super().forward(input)
        variance, mean = torch.var_mean(input, (0, 2, 3), correction=0)
        # In double precision: the joint variance is a small difference of large numbers.
        variance, mean = variance.double(), mean.double()
        count = torch.full_like(mean, input.numel() / input.shape[1])
        sums = _sum_over_ranks(torch.stack([count, count * mean, count * (variance + mean**2)]))
        count = sums[0].detach()
        mean = sums[1] / count
        variance = sums[2] / count - mean**2
        self._remember(mean.detach(), variance.detach(), count)
        scale = self.weight * (variance + self.eps).rsqrt().to(self.weight.dtype)
        shift = self.bias - mean.to(scale.dtype) * scale
        return torch.addcmul(shift[:, None, None], input, scale[:, None, None])

    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        unbiased = variance * count / (count - 1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked += 1


def _sum_over_ranks(values: Tensor) -> Tensor:
    total: Tensor = _SumOverRanks.apply(values)  # type: ignore[no-untyped-call]
    return total


class _SumOverRanks(torch.autograd.Function):
    """The sum over ranks; its gradient is a sum, too, as each rank's loss depends on all."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total
