"""What a training run tells whoever drives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


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
        Epochs to come, None where minutes limit the run.
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
        Expected from the time that the run took so far.
    """

    epoch: int
    batch: int
    batches: int
    losses: Mapping[str, float]
    progress: float
    seconds_left: float


@dataclass(frozen=True)
class Epoch:
    """One epoch is done.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    losses : mapping
        Mean of each loss term over the epoch, and of ``total``.
    validation : mapping
        Area under the ROC curve per class on held-back scans, by their tags;
        empty without such scans.
    """

    epoch: int
    losses: Mapping[str, float]
    validation: Mapping[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """The model was written.

    Attributes
    ----------
    folder : Path
        Where to.
    epoch : int
        The epoch it holds.
    """

    folder: Path
    epoch: int


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
    """What the tags cannot teach; to be kept on screen.

    Attributes
    ----------
    text : str
        What is wrong, and what to tag against it.
    """

    text: str


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
        Time taken.
    """

    model: str
    folder: Path
    epochs: int
    seconds: float


Event = Started | Batch | Epoch | Checkpoint | Message | Advice | Finished
