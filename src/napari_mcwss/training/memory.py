"""Memory of a training: measuring it, and smaller steps once it runs out."""

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
"""Least slices per step: a slice and its reference."""

SIGNS = ("out of memory", "can't allocate memory", "not enough memory")
"""Messages of the allocators of CUDA and MPS, and of the CPU on Linux, macOS and Windows."""


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


def peak_memory(device: torch.device) -> int | None:
    """Return the most bytes that tensors have taken on a device; None if it does not count them."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def available_memory(device: torch.device) -> int:
    """Return the free bytes of a device, or of the computer if it has no memory of its own."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


class SavedMemory:
    """Bytes that steps keep for their gradients."""

    def __init__(self) -> None:
        self.bytes = 0


@contextmanager
def saved_memory(weights: Iterable[Tensor]) -> Iterator[SavedMemory]:
    """Count the bytes that are kept for gradients inside the context, without the weights."""
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
    """Return memory that tensors no longer use to the devices."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def forget_locals(error: BaseException) -> None:
    """Clear the frames of an error, which would keep networks and slices in memory with it."""
    found: BaseException | None = error
    while found is not None:
        traceback.clear_frames(found.__traceback__)
        found = found.__cause__ or found.__context__


class BatchSize:
    """Slices per step, which become fewer when memory runs out."""

    def __init__(self, slices: int) -> None:
        self.slices = slices

    def halve(self) -> None:
        """Halve the slices, to an even number; raise McwssError if there cannot be fewer."""
        if self.slices <= SMALLEST:
            raise McwssError(
                f"memory ran out with {self.slices} slices per step: train with a smaller width or "
                "larger pixels, or close other programs"
            )
        self.slices = max(SMALLEST, self.slices // 4 * 2)


def within_memory(
    work: Callable[[], Generator[E, None, T]], batch: BatchSize
) -> Generator[E | Advice, None, T]:
    """Do work of many steps, and continue with smaller ones once memory runs out.

    `work` starts or continues it in steps of `batch`. If the smallest do not fit, it is a
    McwssError.
    """
    while True:
        try:
            return (yield from work())
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
        # Outside of the handler the error is gone, and with it the tensors of the step.
        before = batch.slices
        batch.halve()
        free_memory()
        yield Advice(
            f"memory ran out with {before} slices per step: the training continues with "
            f"{batch.slices}, which changes the result a little"
        )
