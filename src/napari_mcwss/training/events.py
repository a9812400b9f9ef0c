"""The events that a training yields."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_mcwss.training.image_codec import PackedImage


@dataclass(frozen=True)
class Started:
    """The data are read, training begins.

    Attributes
    ----------
    model, device : str
        Name of the model, and device.
    scans, validation_scans : tuple of str
        Scans trained on, and those that choose the best epoch.
    slices : int
        Tagged slices trained on.
    epochs : int or None
        Epochs in all, None if minutes or patience limit them.
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

    Attributes
    ----------
    epoch, batch, batches : int
        Epoch and batch, counted from 1, and number of batches in the epoch.
    losses : mapping
        Each loss term by name, and their sum, ``total``.
    progress : float
        Share of the training that is done, 0..1.
    seconds_left : float
        Time that the rest takes at the pace of the last batches.
    slices_per_second : float
        Pace of the last batches, reference slices included.
    open_ended : bool
        Whether it takes longer if the network still improves.
    """

    epoch: int
    batch: int
    batches: int
    losses: Mapping[str, float]
    progress: float
    seconds_left: float
    slices_per_second: float = 0.0
    open_ended: bool = False


@dataclass(frozen=True)
class Epoch:
    """An epoch is done.

    Attributes
    ----------
    epoch : int
        Epoch, counted from 1.
    losses : mapping
        Mean of each loss term, and of ``total``, over the steps that have it.
    validation : mapping
        Class to area under the ROC curve on validation scans; empty without them.
    device : str
        Where it was computed.
    peak_memory : int or None
        Most bytes taken on the device so far; None if it does not count them.
    """

    epoch: int
    losses: Mapping[str, float]
    validation: Mapping[str, float]
    device: str = ""
    peak_memory: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A model or a state is on disk.

    Attributes
    ----------
    folder : Path
        Folder of the finished model; until then it is in a hidden folder beside it.
    epoch, batch : int
        The epoch that it contains, and the number of its batches.
    kind : {"model", "state"}
        A model, which is put in place when the training ends; or a state, from which
        the training can be resumed if it is killed.
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
    """The training has ended and the model is in its folder.

    Attributes
    ----------
    model, folder : str, Path
        Name of the model, and its folder.
    epochs : int
        Epochs trained.
    seconds : float
        Time taken without pauses.
    """

    model: str
    folder: Path
    epochs: int
    seconds: float


Event = Started | Batch | Epoch | Checkpoint | Message | Advice | Preview | Finished
