"""How many slices of a batch a loss applies to, also if several processes share the batch.

Some losses are means over few slices, such as those with a known tag or with a
common class. The mean of such means over processes would differ: a process
whose share holds no such slice would pull it towards 0.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

BatchCount = Callable[[Tensor], Tensor]
"""Turn the count of a process's share into the divisor of its losses."""

_batch_count: ContextVar[BatchCount | None] = ContextVar("batch_count", default=None)


def count(applies: Tensor) -> Tensor:
    """Return the number of slices and classes that a loss applies to, at least 1.

    Parameters
    ----------
    applies : Tensor
        Bool or 0 and 1, any shape.

    Returns
    -------
    Tensor
        Scalar. Within `counting_whole_batch` it counts the whole batch, scaled to the share.
    """
    number, batch_count = applies.sum(), _batch_count.get()
    return number.clamp_min(1) if batch_count is None else batch_count(number)


@contextmanager
def counting_whole_batch(batch_count: BatchCount) -> Iterator[None]:
    """Let `count` count the whole batch within this context."""
    token = _batch_count.set(batch_count)
    try:
        yield
    finally:
        _batch_count.reset(token)
