"""Communication of processes that train one network together.

One leads: it reads, draws, writes and is steered, as if it were alone. The others follow: they wait
for its messages, and take their share of each step.
"""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn

from napari_mcwss.base.errors import McwssError
from napari_mcwss.training.distributed.batch_norm import synchronise
from napari_mcwss.training.distributed.launch import Launch
from napari_mcwss.training.memory import ran_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_mcwss.training.data.slice_stack import SliceStack

PATIENCE = timedelta(days=365)
"""How long followers wait for a message: the leader may pause, validate or read for long."""

PIECE = 1 << 26
"""Bytes that are copied and sent at a time."""


class RankLostError(McwssError):
    """Another process of the training has ended unexpectedly."""


class Ranks:
    """The processes of a training: only this one, unless `joined` connects it to others.

    `messages` go through a group of their own, with `PATIENCE`; the tensors of a step use torch's
    default group.
    """

    def __init__(
        self, launch: Launch | None = None, messages: distributed.ProcessGroup | None = None
    ) -> None:
        self.launch = launch or Launch()
        self._messages = messages

    @property
    def size(self) -> int:
        """Number of processes."""
        return self.launch.size

    def refuse_smaller(self, batch: int) -> None:
        """Refuse batches with fewer pairs of slices than there are processes."""
        if batch // 2 < self.size > 1:
            raise McwssError(
                f"{self.size} processes cannot share steps of {batch} slices: start at most "
                f"{batch // 2}, or train with --batch-size {2 * self.size} or more"
            )

    def device(self, device: torch.device) -> torch.device:
        """Return the device of this process, of the leader's kind; refuse one that is missing."""
        if self.size == 1 or device.type == "cpu":
            return device
        index, found = self.launch.local_rank, torch.cuda.device_count()
        if device.type != "cuda" or device.index not in (None, index) or index >= found:
            raise McwssError(
                f"process {self.launch.rank} of {self.size} cannot train on {device}, there are "
                f"{found} GPUs here: start one process per GPU, with --device cuda, or use "
                "--device cpu"
            )
        torch.cuda.set_device(index)
        return torch.device("cuda", index)

    def backend(self, device: torch.device) -> str:
        """Return the backend for tensors on a device; empty for a single process."""
        if self.size == 1:
            return ""
        parts = distributed.get_backend_config().split(",")
        return dict(part.split(":") for part in parts)[device.type]

    def tell(self, message: object) -> None:
        """Send a message to the followers; None ends the training."""
        if self.size > 1:
            self._from_leader([message])

    def hear(self) -> Any:
        """Wait for the leader's next message."""
        heard: list[object] = [None]
        self._from_leader(heard)
        return heard[0]

    def spread(self, maps: Mapping[str, Tensor | SliceStack] | None = None) -> dict[str, Tensor]:
        """Send maps to the followers, which call this without any, and return them there.

        They are ``(slices, ...)`` on the CPU; the leader copies no more than `PIECE` at a time.
        """
        if maps is not None:
            self.tell({name: (tuple(these.shape), these.dtype) for name, these in maps.items()})
            with self.guarded():
                for these in maps.values():
                    for rows in _portions(these.shape, these.dtype):
                        self._bytes_from_leader(these[rows])
            return {}
        heard: dict[str, tuple[tuple[int, ...], torch.dtype]] = self.hear()
        found = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in heard.items()}
        with self.guarded():
            for tensor in found.values():
                for rows in _portions(tensor.shape, tensor.dtype):
                    self._bytes_from_leader(tensor[int(rows[0]) : int(rows[-1]) + 1])
        return found

    def share(self, count: int) -> tuple[Tensor, float]:
        """Return the rows of a batch that are this rank's, and their share of all.

        A rank without a row takes the first one with a share of 0, as it has to take part in the
        communication.
        """
        rows = torch.arange(count).tensor_split(self.size)[self.launch.rank]
        return (rows, len(rows) / count) if len(rows) else (torch.zeros(1, dtype=torch.long), 0.0)

    def count(self, found: Tensor, share: float) -> Tensor:
        """Return the divisor of a rank's sum with which the ranks' `average` is the mean over all.

        `found` is the number, a scalar, of this rank's slices that a loss applies to, and `share`
        its share of the batch.
        """
        total = found.float() * (share > 0)
        if self.size > 1:
            distributed.all_reduce(total)
        return total.clamp_min(1) * (share or 1.0)

    def average(self, tensors: Sequence[Tensor], share: float) -> None:
        """Replace tensors by their means over all ranks, weighted by their shares."""
        if self.size == 1 or not tensors:
            return
        joined = torch.cat([tensor.flatten() for tensor in tensors]) * share
        distributed.all_reduce(joined)
        parts = joined.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def together(self, module: nn.Module, device: torch.device, *, parts: bool) -> nn.Module:
        """Return a module, not a norm, whose batch norms and gradients are those of all ranks.

        `parts` tells whether a step may leave some parameters without a gradient.
        """
        if self.size == 1:
            return module
        # Harmless: the strides of a 1 x 1 convolution do not matter.
        warnings.filterwarnings("ignore", "warning: Grad strides do not match bucket view")
        # Some builds of torch lack it.
        from torch.nn.parallel import DistributedDataParallel

        with self.guarded():
            synchronise(module, device)
            return DistributedDataParallel(
                module,
                device_ids=None if device.type == "cpu" else [device],
                find_unused_parameters=parts,
            )

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Translate torch's errors of a lost process and of memory.

        It raises a RankLostError if another process has ended, and a McwssError if memory ran out:
        a step of several processes cannot be repeated.
        """
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if self.size == 1:
                raise
            if ran_out(error):
                raise McwssError(
                    f"memory ran out in process {self.launch.rank} of {self.size}: start more "
                    "processes, or train with a smaller width or batch size, or larger pixels"
                ) from error
            if not (isinstance(error, distributed.DistError) or "gloo" in str(error)):
                raise
            other = "another process" if self.launch.rank == 0 else "the first process"
            raise RankLostError(
                f"{other} of the {self.size} of this training has ended unexpectedly: see its "
                "messages above, then continue from the last checkpoint with train --resume"
            ) from error

    def _bytes_from_leader(self, tensor: Tensor) -> None:
        """Send a contiguous tensor, or fill it with what is sent."""
        distributed.broadcast(tensor.view(-1).view(torch.uint8), 0, group=self._messages)

    def _from_leader(self, messages: list[object]) -> None:
        with self.guarded():
            distributed.broadcast_object_list(messages, 0, group=self._messages)


def _portions(shape: Sequence[int], dtype: torch.dtype) -> Sequence[Tensor]:
    """Return the indices of slices that are sent at a time, in their order."""
    slices = max(1, PIECE // (math.prod(shape[1:]) * dtype.itemsize))
    portions: Sequence[Tensor] = torch.arange(shape[0]).split(slices)
    return portions


@contextmanager
def joined(launch: Launch) -> Iterator[Ranks]:
    """Connect processes that were started together; in the end the leader dismisses the others."""
    if launch.size == 1:
        yield Ranks(launch)
        return
    if not distributed.is_available():
        raise McwssError("this torch cannot train in several processes: train without torchrun")
    cuda = torch.cuda.is_available() and distributed.is_nccl_available()
    distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    try:
        ranks = Ranks(launch, distributed.new_group(backend="gloo", timeout=PATIENCE))
        try:
            yield ranks
        finally:
            if launch.rank == 0:
                # A lost process needs no message.
                with suppress(RankLostError):
                    ranks.tell(None)
    finally:
        distributed.destroy_process_group()
