"""How many slices of a batch a loss applies to, also where processes share the batch.

A loss that is a mean over few slices, those with a known tag or a class in
common, would be another one as the mean of such means: a process whose share
holds none of them would pull it towards 0.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

Shared = Callable[[Tensor], Tensor]
"""Gives, of the count of a share, what the share is to be divided by."""

_shared: ContextVar[Shared | None] = ContextVar("shared", default=None)


def count(applies: Tensor) -> Tensor:
    """Count where a loss applies, at least 1.

    Parameters
    ----------
    applies : Tensor
        Bool or 0 and 1, any shape.

    Returns
    -------
    Tensor
        Scalar. Within `counting`, that of the whole batch, to the scale of the share.
    """
    found, shared = applies.sum(), _shared.get()
    return found.clamp_min(1) if shared is None else shared(found)


@contextmanager
def counting(shared: Shared) -> Iterator[None]:
    """Have `count` count the whole batch for a while."""
    before = _shared.set(shared)
    try:
        yield
    finally:
        _shared.reset(before)
