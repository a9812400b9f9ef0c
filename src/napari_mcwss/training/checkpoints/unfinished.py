"""Unfinished trainings, which were stopped or killed: finding them and how far they are."""

import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.base.lock import Holder, Lock, LockedError
from napari_mcwss.base.names import refuse_alike
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.study.study import Study

STATE = "resume.pt"
SUMMARY = "training.json"
WORKING = ".training"


class Unfinished(BaseModel):
    """A training that can be resumed.

    `epoch` is the current or last one, counted from 1, and `batch` the number of its finished
    batches. `epochs` are those in all, None if minutes or patience limit them; `progress` is the
    share that is done, 0..1. `saved` is None if it was killed while it wrote the state. `running`
    is the process that trains now.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

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
    def position(self) -> str:
        """Progress in words, such as ``epoch 3 of 20``."""
        total = "" if self.epochs is None else f" of {self.epochs}"
        return f"epoch {self.epoch}{total}"


class UnfinishedError(McwssError):
    """There is an unfinished training of this name, `unfinished`."""

    def __init__(self, unfinished: Unfinished) -> None:
        super().__init__(
            f"there is an unfinished training of '{unfinished.name}', in {unfinished.position}: "
            "continue it with --resume, or discard it with --restart"
        )
        self.unfinished = unfinished


class TrainingLockedError(LockedError):
    """A model of this name is in training now."""


class TrainingLock(Lock):
    """The right to train the model of a name."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path)
        self.name = name

    def refusal(self, holder: Holder | None) -> TrainingLockedError:
        """Return an error that says who trains it."""
        if holder is None:
            return TrainingLockedError(
                f"another program has just started training '{self.name}' ('{self.path}'): try "
                "again"
            )
        return TrainingLockedError(
            f"'{self.name}' is in training already ({holder}): wait, cancel it there or choose "
            f"another name{self.advice(holder)}"
        )


def working_folder(study: Study, name: str) -> Path:
    """Return the folder that the training of a model writes to."""
    return study.model_folder(name).with_name(f".{name}{WORKING}")


def training_lock(study: Study, name: str) -> TrainingLock:
    """Return the lock of a model's training."""
    return TrainingLock(study.model_folder(name).with_name(f".{name}.lock"), name)


def unfinished_training(study: Study, name: str) -> Unfinished | None:
    """Return the unfinished training of a model, if there is one; its state is not read."""
    folder = working_folder(study, name)
    if not (folder / STATE).exists():
        return None
    # The summary is written after the state: without one, it was killed in between.
    found = Unfinished(name=name)
    with suppress(OSError, ValidationError):
        found = Unfinished.model_validate_json(file_bytes(folder / SUMMARY))
    return found.model_copy(update={"running": training_lock(study, name).other})


def unfinished_trainings(study: Study) -> list[Unfinished]:
    """Return the unfinished trainings of a study by name, those that run now included."""
    folders = (study.folder / "models").glob(f".*{WORKING}/{STATE}")
    names = sorted(path.parent.name[1 : -len(WORKING)] for path in folders)
    return [found for name in names if (found := unfinished_training(study, name))]


def refuse_while_training(study: Study) -> None:
    """Refuse a change of the study while a model is in training, here or elsewhere."""
    for path in sorted((study.folder / "models").glob(".*.lock")):
        name = path.name.removeprefix(".").removesuffix(".lock")
        holder = training_lock(study, name).other
        if holder is not None:
            raise McwssError(
                f"{name!r} is in training now ({holder}), for which the study must stay as it is: "
                "wait, or cancel the training"
            )


def refuse_to_replace(study: Study, name: str) -> None:
    """Refuse a name that a model has already, unless its training is unfinished.

    Refuse one, too, that some file systems do not tell apart from that of another model.
    """
    refuse_alike("model", name, study.model_names())
    if name in study.model_names() and unfinished_training(study, name) is None:
        raise McwssError(
            f"there is a model {name!r} already: choose another name, or add --replace: the old "
            "model stays until the new one is finished; its results do not count after that"
        )


def give_up_training(study: Study, name: str) -> None:
    """Discard the unfinished training of a model; models stay.

    Raises
    ------
    TrainingLockedError
        If it runs now.
    """
    if not working_folder(study, name).exists():
        return
    study.check_inside(working_folder(study, name))
    with training_lock(study, name):
        remove_folder(working_folder(study, name))


def remove_folder(folder: Path) -> None:
    """Remove a working folder, its state first, so that half of it is never resumed."""
    try:
        (folder / STATE).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def write_summary(folder: Path, summary: Unfinished) -> None:
    """Write how far a training is, beside its state; raise a `McwssError` if that fails."""
    with replacing(folder / SUMMARY) as path:
        path.write_text(summary.model_dump_json(indent=2), encoding="utf-8")
