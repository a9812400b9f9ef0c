"""All that a training goes on from after it was stopped or killed, as one file."""

import io
import math
import pickle
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing

FORMAT = 1


@dataclass
class TrainingState:
    """Where a training is, in tensors and plain values.

    Attributes
    ----------
    key : str
        Tells one training from another of the same name.
    config : dict
        The configuration.
    training, validation, trusted : tuple of str
        Scans trained on, held back, and those trained on whose masks were given.
    digests : dict
        What is trained on, as `napari_mcwss.training.data.digests` has it.
    stage : int
        Stages that are done.
    epochs, before : int
        Epochs that are done, and those of them that belong to stages done.
    batches : int
        Steps of the last epoch that is done.
    progress : float
        Share of the training that is done, 0..1.
    best : float
        The best validation of the stage.
    saved : bool
        Whether the model written so far is of an epoch that was worth it.
    seconds : float
        Time taken.
    batch_size : int
        Slices a step, fewer than configured once memory ran out.
    history : list of dict
        The losses and aucs of each epoch.
    run : dict, optional
        As `Run.state` gives it; None between stages.
    """

    key: str
    config: dict[str, Any]
    training: tuple[str, ...]
    validation: tuple[str, ...]
    trusted: tuple[str, ...]
    batch_size: int
    digests: dict[str, str] = field(default_factory=dict)
    stage: int = 0
    epochs: int = 0
    before: int = 0
    batches: int = 0
    progress: float = 0.0
    best: float = -math.inf
    saved: bool = False
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    run: dict[str, Any] | None = None


def write_state(path: Path, state: TrainingState) -> None:
    """Write a state atomically.

    Raises
    ------
    McwssError
        If it cannot be written; an older one is as it was.
    """
    content = {item.name: getattr(state, item.name) for item in fields(state)}
    # Through memory, since torch's own writer hides what the system says of a full disk.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_state(path: Path) -> TrainingState:
    """Read a state; its tensors are on the CPU.

    Raises
    ------
    McwssError
        If it is damaged or of a newer format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(damaged)
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content.pop("format")
        if found <= FORMAT:
            return TrainingState(**content)
    except (
        *(OSError, RuntimeError, zipfile.BadZipFile, pickle.UnpicklingError),
        *(EOFError, LookupError, TypeError, ValueError, AttributeError),
    ) as error:
        raise McwssError(
            f"'{path}' cannot be read as the state of a training ({type(error).__name__}): "
            "begin anew with --restart"
        ) from error
    raise McwssError(
        f"'{path}' has format {found}, this version reads up to {FORMAT}: update napari-mcwss"
    )
