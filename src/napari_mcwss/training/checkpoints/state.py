"""The state from which a training is resumed, as one file."""

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
    """State of a training, in tensors and plain values.

    Attributes
    ----------
    key : str
        Identifies the training among those of the same name.
    config : dict
        The configuration.
    training, validation, trusted : tuple of str
        Training scans, validation scans, and training scans whose masks were given.
    batch_size : int
        Slices per step, fewer than configured once memory ran out.
    digests : dict
        Digests of the data, see `napari_mcwss.training.data.digests`.
    stage : int
        Number of finished stages.
    epochs, before : int
        Number of finished epochs, in all and in finished stages.
    batches : int
        Steps of the last finished epoch.
    progress : float
        Share of the training that is done, 0..1.
    best : float
        Best validation of the stage.
    saved : bool
        Whether a model was written because it was good.
    seconds : float
        Time taken.
    history : list of dict
        Losses and AUCs of each epoch.
    run : dict, optional
        State of the stage, see `Run.state`; None between stages.
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
        If it cannot be written; an older one is kept.
    """
    content = {item.name: getattr(state, item.name) for item in fields(state)}
    # Through memory: torch's own writer hides the system's error on a full disk.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_state(path: Path) -> TrainingState:
    """Read a state, with its tensors on the CPU.

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
            "start over with --restart"
        ) from error
    raise McwssError(
        f"'{path}' has format {found}, this version reads up to {FORMAT}: update napari-mcwss"
    )
