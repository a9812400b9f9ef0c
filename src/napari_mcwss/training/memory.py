"""What is done when memory runs out: half the slices a step, then the same again."""

import gc
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psutil
import torch
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.training.events import Advice

E = TypeVar("E")
T = TypeVar("T")

SMALLEST = 2
"""Slices a step below which nothing is tried: a slice and its reference."""

SIGNS = ("out of memory", "can't allocate memory", "not enough memory")
"""What the allocators of CUDA and MPS, and of the CPU on Linux, macOS and Windows, say."""


def ran_out(error: BaseException) -> bool:
    """Tell whether an error is that of an allocator."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


def peak_memory(device: torch.device) -> int | None:
    """Give the bytes of a device that tensors took at most; None if it does not count them."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def available_memory(device: torch.device) -> int:
    """Give the bytes that are free on a device now; those of the computer where it has none."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


class SavedMemory:
    """Counts the memory of what steps keep for their gradients.

    Attributes
    ----------
    bytes : int
        So far.
    """

    def __init__(self) -> None:
        self.bytes = 0


@contextmanager
def saved_memory(weights: Iterable[Tensor]) -> Iterator[SavedMemory]:
    """Count what is kept for gradients in a block, but the weights, which are there anyway.

    Parameters
    ----------
    weights : iterable of Tensor
        Of the network.
    """
    saved, seen = SavedMemory(), {weight.untyped_storage().data_ptr() for weight in weights}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            saved.bytes += storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield saved


def free_memory() -> None:
    """Give back to devices what tensors no longer need."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def forget_locals(error: BaseException) -> None:
    """Let an error go of all that the functions it came through had made: networks, slices.

    Whoever keeps the error to show it would keep them.
    """
    found: BaseException | None = error
    while found is not None:
        traceback.clear_frames(found.__traceback__)
        found = found.__cause__ or found.__context__


class BatchSize:
    """Slices a step, which become fewer when memory runs out.

    Parameters
    ----------
    slices : int
        At first.

    Attributes
    ----------
    slices : int
        Now.
    """

    def __init__(self, slices: int) -> None:
        self.slices = slices

    def halve(self) -> None:
        """Take half as many, an even number.

        Raises
        ------
        McwssError
            If there cannot be fewer.
        """
        if self.slices <= SMALLEST:
            raise McwssError(
                f"memory ran out with {self.slices} slices a step already: train with a smaller "
                "width or larger pixels, or close other programs"
            )
        self.slices = max(SMALLEST, self.slices // 4 * 2)


def within_memory(
    work: Callable[[], Generator[E, None, T]], batch: BatchSize
) -> Generator[E | Advice, None, T]:
    """Do work of many steps, and after memory ran out go on with smaller ones.

    Parameters
    ----------
    work : callable
        Starts the work, or goes on with it, in steps of `batch`.
    batch : BatchSize
        Slices a step.

    Raises
    ------
    McwssError
        If memory does not suffice for the smallest steps.
    """
    while True:
        try:
            return (yield from work())
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
        # Only here, outside of the handler, has the error let go of what the step had made.
        before = batch.slices
        batch.halve()
        free_memory()
        yield Advice(
            f"memory ran out with {before} slices a step: it goes on with {batch.slices}, which "
            "changes what is learnt a little"
        )
