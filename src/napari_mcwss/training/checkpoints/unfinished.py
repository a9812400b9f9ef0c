"""Trainings that were stopped or killed: which there are, how far they are, giving them up."""

import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.base.lock import Holder, Lock, LockedError
from napari_mcwss.study.study import Study

STATE = "resume.pt"
SUMMARY = "training.json"
WORKING = ".training"


class Unfinished(BaseModel):
    """A training that can be resumed.

    Attributes
    ----------
    name : str
        Of its model.
    epoch, batch : int
        The epoch that it is in or has just done, and how many batches of it are done.
    epochs : int or None
        Epochs in all, None where minutes or patience limit it.
    progress : float
        Share of the training that is done, 0..1.
    seconds : float
        Time taken.
    saved : datetime
        When its state was written; None if it was killed right then.
    config : dict
        Its configuration.
    running : Holder or None
        The process that goes on with it now.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    epoch: int = 1
    batch: int = 0
    epochs: int | None = None
    progress: float = Field(default=0.0, ge=0, le=1)
    seconds: float = 0.0
    saved: datetime | None = None
    config: dict[str, Any] = {}
    running: Holder | None = Field(default=None, exclude=True)

    @property
    def place(self) -> str:
        """How far it is, in words."""
        total = "" if self.epochs is None else f" of {self.epochs}"
        return f"epoch {self.epoch}{total}"


class UnfinishedError(McwssError):
    """There is an unfinished training of the name, to be resumed or given up first.

    Attributes
    ----------
    unfinished : Unfinished
        That training.
    """

    def __init__(self, unfinished: Unfinished) -> None:
        super().__init__(
            f"the training of '{unfinished.name}' was left in {unfinished.place}: go on with "
            "--resume, or give it up with --restart"
        )
        self.unfinished = unfinished


class TrainingLockedError(LockedError):
    """A model of the name is in training now."""


class TrainingLock(Lock):
    """The right to train a model of some name.

    Parameters
    ----------
    path : Path
        As in `Lock`.
    name : str
        Of the model.
    """

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path)
        self.name = name

    def refusal(self, holder: Holder | None) -> TrainingLockedError:
        """Say who trains it."""
        if holder is None:
            return TrainingLockedError(
                f"another program has just begun to train '{self.name}' ('{self.path}'): try again"
            )
        return TrainingLockedError(
            f"'{self.name}' is in training already ({holder}): wait, cancel it there or choose "
            f"another name{self.advice(holder)}"
        )


def working_folder(study: Study, name: str) -> Path:
    """Give the folder that a training of a model writes to until it is done."""
    return study.model_folder(name).with_name(f".{name}{WORKING}")


def training_lock(study: Study, name: str) -> TrainingLock:
    """Give the lock of a model's training."""
    return TrainingLock(study.model_folder(name).with_name(f".{name}.lock"), name)


def unfinished_training(study: Study, name: str) -> Unfinished | None:
    """Look for an unfinished training of a model; quick, nothing is loaded.

    Parameters
    ----------
    study : Study
        Of the model.
    name : str
        Of the model.
    """
    folder = working_folder(study, name)
    if not (folder / STATE).exists():
        return None
    # The summary follows the state: without one, it was killed at the very first.
    found = Unfinished(name=name)
    with suppress(OSError, ValidationError):
        found = Unfinished.model_validate_json((folder / SUMMARY).read_bytes())
    return found.model_copy(update={"running": training_lock(study, name).other})


def unfinished_trainings(study: Study) -> list[Unfinished]:
    """List the unfinished trainings of a study by name; those that run now are among them."""
    folders = (study.folder / "models").glob(f".*{WORKING}/{STATE}")
    names = sorted(path.parent.name[1 : -len(WORKING)] for path in folders)
    return [found for name in names if (found := unfinished_training(study, name))]


def refuse_to_replace(study: Study, name: str) -> None:
    """Refuse to train a model of a name that is taken, unless its training was left unfinished.

    Raises
    ------
    McwssError
        If there is a model of that name.
    """
    if name in study.model_names() and unfinished_training(study, name) is None:
        raise McwssError(
            f"there is a model {name!r} already: choose another name, or add --replace: it stays "
            "until the new one is done, but what it has segmented does not count any more then"
        )


def give_up_training(study: Study, name: str) -> None:
    """Remove an unfinished training of a model; models stay.

    Parameters
    ----------
    study : Study
        Of the model.
    name : str
        Of the model.

    Raises
    ------
    TrainingLockedError
        If it runs now.
    McwssError
        If it cannot be removed.
    """
    if not working_folder(study, name).exists():
        return
    with training_lock(study, name):
        remove_folder(working_folder(study, name))


def remove_folder(folder: Path) -> None:
    """Remove a working folder, its state first, so that a part of it is never resumed.

    Raises
    ------
    McwssError
        If it cannot be removed.
    """
    try:
        (folder / STATE).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def write_summary(folder: Path, summary: Unfinished) -> None:
    """Write down how far a training is, beside its state.

    Raises
    ------
    McwssError
        If it cannot be written.
    """
    with replacing(folder / SUMMARY) as path:
        path.write_text(summary.model_dump_json(indent=2), encoding="utf-8")
