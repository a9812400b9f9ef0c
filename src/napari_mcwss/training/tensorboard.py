"""Losses and AUCs of a training for TensorBoard, if that is installed."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write
from napari_mcwss.training.events import Batch, Epoch, Event

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def logged(events: Generator[Event, None, None], folder: Path) -> Generator[Event, None, None]:
    """Pass events on, and write their scalars to TensorBoard.

    Epochs have ``epoch/loss/<term>`` and ``epoch/auc/<class>``, steps ``batch/loss/<term>``. The
    events are closed with this generator.

    Raises
    ------
    McwssError
        If TensorBoard is not installed, or the folder cannot be written.
    """
    with closing(events), closing(_writer(folder)) as writer:
        for event in events:
            if isinstance(event, Batch):
                step = (event.epoch - 1) * event.batches + event.batch
                for term, value in event.losses.items():
                    writer.add_scalar(f"batch/loss/{term}", value, step)
            elif isinstance(event, Epoch):
                for term, value in event.losses.items():
                    writer.add_scalar(f"epoch/loss/{term}", value, event.epoch)
                for name, value in event.validation.items():
                    writer.add_scalar(f"epoch/auc/{name}", value, event.epoch)
                writer.flush()
            yield event


def _writer(folder: Path) -> "SummaryWriter":
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise McwssError(
            "TensorBoard is not installed: run 'pip install tensorboard' or leave out the option"
        ) from error
    try:
        return SummaryWriter(str(folder))
    except OSError as error:
        raise cannot_write(folder, error) from error
