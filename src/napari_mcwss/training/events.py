"""The events that a training yields."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_mcwss.training.image_codec import PackedImage


@dataclass(frozen=True)
class Started:
    """The data are read, training begins.

    `validation_scans` choose the best epoch; `epochs` is None if minutes or patience limit them.
    """

    model: str
    device: str
    scans: tuple[str, ...]
    validation_scans: tuple[str, ...]
    slices: int
    epochs: int | None


@dataclass(frozen=True)
class Batch:
    """A step is done.

    Epoch and batch are counted from 1. `losses` has each term by name, and their sum, ``total``.
    `progress` is the share of the training that is done, 0..1; `seconds_left` and
    `slices_per_second`, reference slices included, follow from the last batches. The time is None
    where it is not known whether a further stage follows. An `open_ended`
    training takes longer if the network still improves.
    """

    epoch: int
    batch: int
    batches: int
    losses: Mapping[str, float]
    progress: float
    seconds_left: float | None
    slices_per_second: float = 0.0
    open_ended: bool = False


@dataclass(frozen=True)
class Epoch:
    """An epoch, counted from 1, is done.

    `losses` are means of each term, and of ``total``, over the steps that have it; `validation` is
    the area under the ROC curve by class, empty without validation scans. `peak_memory` is the most
    bytes taken on the device so far; None if it does not count them.
    """

    epoch: int
    losses: Mapping[str, float]
    validation: Mapping[str, float]
    device: str = ""
    peak_memory: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A model, or a state from which a killed training can be resumed, is on disk.

    `folder` is that of the finished model, which is put in place when the training ends; until then
    it is in a hidden folder beside it. `batch` is the number of batches of `epoch` in it.
    """

    folder: Path
    epoch: int
    kind: Literal["model", "state"] = "model"
    batch: int = 0


@dataclass(frozen=True)
class Message:
    """What happens now, in one line."""

    text: str


@dataclass(frozen=True)
class Advice:
    """A problem of the tags or of the machine, and what to do; it stays on screen."""

    text: str


@dataclass(frozen=True, eq=False)
class Preview:
    """The current CAMs of the slice on screen: uint8 ``(classes, y, x)``, 255 for a CAM of 1."""

    scan: str
    slice_index: int
    cams: PackedImage


@dataclass(frozen=True)
class Finished:
    """The training has ended and the model is in its folder; `seconds` are without pauses."""

    model: str
    folder: Path
    epochs: int
    seconds: float


Event = Started | Batch | Epoch | Checkpoint | Message | Advice | Preview | Finished
