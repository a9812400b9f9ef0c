"""What a training run tells whoever drives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_mcwss.training.image_codec import PackedImage


@dataclass(frozen=True)
class Started:
    """Data are loaded, the first batch comes next.

    Attributes
    ----------
    model, device : str
        What is trained, and where.
    scans, validation_scans : tuple of str
        Scans trained on, and those held back to choose the best epoch.
    slices : int
        Tagged slices trained on.
    epochs : int or None
        Epochs to come, None where minutes or patience limit the run.
    """

    model: str
    device: str
    scans: tuple[str, ...]
    validation_scans: tuple[str, ...]
    slices: int
    epochs: int | None


@dataclass(frozen=True)
class Batch:
    """One step is done.

    Attributes
    ----------
    epoch, batch, batches : int
        Of the step, counted from 1, and batches in an epoch.
    losses : mapping
        Each loss term by name, and their sum, ``total``.
    progress : float
        Share of the run that is done, 0..1.
    seconds_left : float
        Expected from the time that the last batches took.
    slices_per_second : float
        Slices drawn a second, references among them: the mean of the last batches.
    open_ended : bool
        Whether it takes longer than that if the network still gets better.
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
    """One epoch is done.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    losses : mapping
        Mean of each loss term, and of ``total``, over the epoch's steps that have it.
    validation : mapping
        Area under the ROC curve per class on held-back scans, by their tags;
        empty without such scans.
    device : str
        Where it was computed.
    peak_memory : int or None
        Bytes that the training took there at most so far; None where the device
        does not count them.
    """

    epoch: int
    losses: Mapping[str, float]
    validation: Mapping[str, float]
    device: str = ""
    peak_memory: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """What was learnt is on the disk.

    Attributes
    ----------
    folder : Path
        Of the model in the end; until then it lies in a hidden folder beside it.
    epoch : int
        The epoch it holds.
    kind : {"model", "state"}
        A model, to be put in place when the training ends; or a state, which the
        training can be resumed from if it is killed after this event.
    batch : int
        Batches of that epoch that it holds, all of them where the epoch is done.
    """

    folder: Path
    epoch: int
    kind: Literal["model", "state"] = "model"
    batch: int = 0


@dataclass(frozen=True)
class Message:
    """A line for the user.

    Attributes
    ----------
    text : str
        One sentence.
    """

    text: str


@dataclass(frozen=True)
class Advice:
    """What the tags cannot teach, or the machine cannot do; to be kept on screen.

    Attributes
    ----------
    text : str
        What is wrong, and what to do against it or what the training does.
    """

    text: str


@dataclass(frozen=True, eq=False)
class Preview:
    """What the network sees now on the slice that the user looks at.

    Attributes
    ----------
    scan : str
        Name of the scan.
    slice_index : int
        Of the slice.
    cams : ndarray
        Uint8 ``(classes, y, x)``, 255 for a CAM of 1.
    """

    scan: str
    slice_index: int
    cams: PackedImage


@dataclass(frozen=True)
class Finished:
    """The run has reached its length and the model is in place.

    Attributes
    ----------
    model : str
        Its name.
    folder : Path
        Where it lies.
    epochs : int
        Epochs trained.
    seconds : float
        Time taken, pauses excepted.
    """

    model: str
    folder: Path
    epochs: int
    seconds: float


Event = Started | Batch | Epoch | Checkpoint | Message | Advice | Preview | Finished
