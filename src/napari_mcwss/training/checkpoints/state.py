"""The state from which a training is resumed, as one file."""

import io
import math
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.reading import refuse_devices

FORMAT = 1


@dataclass
class TrainingState:
    """State of a training, in tensors and plain values.

    `key` tells it from others of the same name. `trusted` are training scans whose masks were
    given, `batch_size` the slices per step, fewer than configured once memory ran out, and
    `digests` those of the data, see `napari_mcwss.training.data.digests`. `stage` is the number of
    finished stages, `before` that of the epochs in them, `batches` the steps of the last finished
    epoch, `progress` the share of the training that is done, 0..1, `best` the best validation of
    the stage, and `saved` whether a model was written because it was good. `run` is the state of
    the stage, see `Run.state`; None between stages. `held_out` is a `HeldOut.state` until a
    preset is chosen; `choice` and `unpredictable` are those of `ModelInfo`. `limited` says
    whether the user set no length.
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
    held_out: dict[str, Any] | None = None
    choice: str = ""
    limited: bool = False
    unpredictable: tuple[str, ...] = ()


def write_state(path: Path, state: TrainingState) -> None:
    """Write a state atomically; if that fails, an older one is kept."""
    content = {item.name: getattr(state, item.name) for item in fields(state)}
    # Through memory: torch's own writer hides the system's error on a full disk.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_state(path: Path) -> TrainingState:
    """Read a state, with its tensors on the CPU; refuse a damaged one, or one of a newer format."""
    refuse_devices(path)
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(damaged)
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content.pop("format")
        if found <= FORMAT:
            return TrainingState(**content)
    except Exception as error:
        # Whatever a damaged byte lets the readers of archives and pickles run into.
        raise McwssError(
            f"'{path}' cannot be read as the state of a training ({type(error).__name__}): "
            "start over with --restart"
        ) from error
    raise McwssError(
        f"'{path}' has format {found}, this version reads up to {FORMAT}: update napari-mcwss"
    )
