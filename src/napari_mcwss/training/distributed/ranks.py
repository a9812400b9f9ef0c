"""Processes that train one network together, and what they say to each other.

One leads: it reads, draws, writes and is steered, as if it were alone. The
others follow: they wait for its word, and take their share of each step.
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
"""How long followers wait for a word: the leader may pause, validate or read for long."""

PIECE = 1 << 26
"""Bytes that are sent at a time, and copied for that."""


class RankLostError(McwssError):
    """Another process of the training has ended before its time."""


class Ranks:
    """The processes of a training; only one, unless `joined` gives others.

    Parameters
    ----------
    launch : Launch, optional
        The place of this one.
    words : ProcessGroup, optional
        What they speak through, with `PATIENCE`; tensors of a step go through
        torch's default group.
    """

    def __init__(
        self, launch: Launch | None = None, words: distributed.ProcessGroup | None = None
    ) -> None:
        self.launch = launch or Launch()
        self._words = words

    @property
    def size(self) -> int:
        """How many there are."""
        return self.launch.size

    def refuse_smaller(self, batch: int) -> None:
        """Refuse steps of so few slices that some ranks would have none.

        Raises
        ------
        McwssError
            If they are fewer, counting pairs, than the ranks.
        """
        if batch // 2 < self.size > 1:
            raise McwssError(
                f"{self.size} processes cannot share steps of {batch} slices: start at most "
                f"{batch // 2}, or train with --batch-size {2 * self.size} or more"
            )

    def device(self, device: torch.device) -> torch.device:
        """Give the device of this process, of the leader's kind.

        Raises
        ------
        McwssError
            If it has none of its own.
        """
        if self.size == 1 or device.type == "cpu":
            return device
        index, found = self.launch.local_rank, torch.cuda.device_count()
        if device.type != "cuda" or device.index not in (None, index) or index >= found:
            raise McwssError(
                f"process {self.launch.rank} of {self.size} cannot train on {device}: each takes "
                f"the GPU of its number, of {found} here: start one process a GPU, with --device "
                "cuda, or use --device cpu"
            )
        torch.cuda.set_device(index)
        return torch.device("cuda", index)

    def backend(self, device: torch.device) -> str:
        """Give what ranks speak through where such a device computes; empty if there is one."""
        if self.size == 1:
            return ""
        parts = distributed.get_backend_config().split(",")
        return dict(part.split(":") for part in parts)[device.type]

    def tell(self, word: object) -> None:
        """Tell the followers what to do; None, that nothing is left."""
        if self.size > 1:
            self._words_from_leader([word])

    def hear(self) -> Any:
        """Wait for the leader's next word."""
        heard: list[object] = [None]
        self._words_from_leader(heard)
        return heard[0]

    def spread(self, maps: Mapping[str, Tensor | SliceStack] | None = None) -> dict[str, Tensor]:
        """Give the followers what the leader has, on the CPU; they call it without.

        The leader copies no more than `PIECE` at a time, and gets nothing back.

        Parameters
        ----------
        maps : mapping, optional
            Each of some slices ``(slices, ...)``, by name.
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
        """Give which of so many rows of a batch are this rank's, and which share of all.

        A rank for which none is left takes the first, of no weight: it has to
        take part in what the others do.
        """
        rows = torch.arange(count).tensor_split(self.size)[self.launch.rank]
        return (rows, len(rows) / count) if len(rows) else (torch.zeros(1, dtype=torch.long), 0.0)

    def count(self, found: Tensor, share: float) -> Tensor:
        """Give what a rank divides a sum by so that the ranks' `average` is a mean over all.

        Parameters
        ----------
        found : Tensor
            Number of this rank's slices that a loss applies to, a scalar.
        share : float
            Of the batch.
        """
        total = found.float() * (share > 0)
        if self.size > 1:
            distributed.all_reduce(total)
        return total.clamp_min(1) * (share or 1.0)

    def average(self, tensors: Sequence[Tensor], share: float) -> None:
        """Replace tensors by their means over all ranks, weighted by the shares of a batch."""
        if self.size == 1 or not tensors:
            return
        joined = torch.cat([tensor.flatten() for tensor in tensors]) * share
        distributed.all_reduce(joined)
        parts = joined.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def together(self, module: nn.Module, device: torch.device, *, parts: bool) -> nn.Module:
        """Have a module learn from what all ranks see: its norms, and its gradients' mean.

        Parameters
        ----------
        module : nn.Module
            Itself no norm.
        device : torch.device
            Where it is.
        parts : bool
            Whether steps may leave some of its parameters out.
        """
        if self.size == 1:
            return module
        # Of a 1 x 1 convolution, which lies in memory the same whatever strides are written.
        warnings.filterwarnings("ignore", "warning: Grad strides do not match bucket view")
        # There are builds of torch without it.
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
        """Say in one line what torch says in many, if another rank is lost or memory runs out.

        Raises
        ------
        RankLostError
            If another process has ended.
        McwssError
            If memory ran out: ranks that wait for this one cannot do the step again.
        """
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if self.size == 1:
                raise
            if ran_out(error):
                raise McwssError(
                    f"memory ran out in process {self.launch.rank} of {self.size}: start more "
                    "processes, which share each step, or train with a smaller width, a smaller "
                    "batch size or larger pixels"
                ) from error
            if not (isinstance(error, distributed.DistError) or "gloo" in str(error)):
                raise
            other = "another process" if self.launch.rank == 0 else "the first process"
            raise RankLostError(
                f"{other} of this training, of {self.size}, has ended before its time: what it "
                "said is above, if it was not killed; train --resume goes on from the last "
                "checkpoint"
            ) from error

    def _bytes_from_leader(self, tensor: Tensor) -> None:
        """Send a tensor, or fill it with what is sent; it lies in memory in one piece."""
        distributed.broadcast(tensor.view(-1).view(torch.uint8), 0, group=self._words)

    def _words_from_leader(self, words: list[object]) -> None:
        with self.guarded():
            distributed.broadcast_object_list(words, 0, group=self._words)


def _portions(shape: Sequence[int], dtype: torch.dtype) -> Sequence[Tensor]:
    """Give the indices of slices that are sent at a time, in their order."""
    slices = max(1, PIECE // (math.prod(shape[1:]) * dtype.itemsize))
    portions: Sequence[Tensor] = torch.arange(shape[0]).split(slices)
    return portions


@contextmanager
def joined(launch: Launch) -> Iterator[Ranks]:
    """Join the processes that were started together; in the end the leader lets the others go.

    Parameters
    ----------
    launch : Launch
        The place of this one; alone it needs nobody.

    Raises
    ------
    McwssError
        If this torch cannot do it.
    """
    if launch.size == 1:
        yield Ranks(launch)
        return
    if not distributed.is_available():
        raise McwssError("this torch cannot train in several processes: start one without torchrun")
    cuda = torch.cuda.is_available() and distributed.is_nccl_available()
    distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    try:
        ranks = Ranks(launch, distributed.new_group(backend="gloo", timeout=PATIENCE))
        try:
            yield ranks
        finally:
            if launch.rank == 0:
                # Whoever is lost needs no word.
                with suppress(RankLostError):
                    ranks.tell(None)
    finally:
        distributed.destroy_process_group()
