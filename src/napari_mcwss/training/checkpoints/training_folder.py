"""Where a training keeps its model and its state: out of the way until it has succeeded."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.model.checkpoint import ModelInfo, read_info, save_model
from napari_mcwss.model.preset import Preset
from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.state import TrainingState, read_state, write_state
from napari_mcwss.training.checkpoints.unfinished import (
    STATE,
    Unfinished,
    UnfinishedError,
    remove_folder,
    training_lock,
    unfinished_training,
    unfinished_trainings,
    working_folder,
    write_summary,
)

STOPPED = "-stopped"
MODEL_FILES = ("weights.safetensors", "history.csv", "config.json")
"""What a model consists of; it is one once it has the last."""


class TrainingFolder:
    """The folder of a model in training.

    A training writes to a hidden folder beside its model, which only one at a
    time may do: it is to be entered first. The model of a training that
    succeeds takes the place of an older one of the same name.

    Parameters
    ----------
    study : Study
        Where the model belongs.
    name : str
        Of the model.

    Attributes
    ----------
    target : Path
        Where the model will be.
    working : Path
        Where the training writes.
    """

    def __init__(self, study: Study, name: str) -> None:
        self.study = study
        self.name = name
        self.target = study.model_folder(name)
        self.working = working_folder(study, name)
        self._lock = training_lock(study, name)

    def __enter__(self) -> "TrainingFolder":
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.target.parent, error) from error
        self._lock.acquire()
        try:
            self._mend()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def refuse_unfinished(self) -> None:
        """Refuse to begin where a training was left.

        Raises
        ------
        UnfinishedError
            If there is one.
        """
        unfinished = unfinished_training(self.study, self.name)
        if unfinished is not None:
            raise UnfinishedError(unfinished)

    def read_state(self) -> TrainingState:
        """Read the state of an unfinished training.

        Raises
        ------
        McwssError
            If there is none, or it is damaged.
        """
        if not (self.working / STATE).exists():
            others = ", ".join(found.name for found in unfinished_trainings(self.study))
            raise McwssError(
                f"there is no unfinished training of '{self.name}': "
                + (f"name one of {others}" if others else "begin one without --resume")
            )
        return read_state(self.working / STATE)

    def write_state(self, state: TrainingState, summary: Unfinished) -> None:
        """Write a state, then how far it is.

        Raises
        ------
        McwssError
            If it cannot be written; an older one is as it was.
        """
        write_state(self.working / STATE, state)
        write_summary(self.working, summary)

    def write_model(
        self, preset: Preset, info: ModelInfo, history: Sequence[Mapping[str, float]]
    ) -> None:
        """Write the model and ``history.csv``.

        Raises
        ------
        McwssError
            If it cannot be written.
        """
        columns = list(dict.fromkeys(key for row in history for key in row))
        with (
            replacing(self.working / "history.csv") as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(history)
        save_model(self.working, preset, info)

    def clear(self) -> None:
        """Remove what was written."""
        remove_folder(self.working)

    def finish(self, key: str) -> Path:
        """Put the written model in place of any older one, and end the training.

        What it has left under the name with ``-stopped`` goes: it is a part of
        what the model has learnt.

        Parameters
        ----------
        key : str
            Of the training.
        """
        self._publish(self.target)
        if _key(self._stopped) == key:
            _remove_model(self._stopped)
        self.clear()
        return self.target

    def keep(self, key: str) -> Path | None:
        """Give what a stopped training has written a place; it stays resumable.

        It takes the model's name if that is free or the training's own, else the
        name with ``-stopped``: an old model stays until a new one has succeeded.

        Parameters
        ----------
        key : str
            Of the training.
        """
        if not (self.working / STATE).exists():
            # It failed before there was one: nothing to go on from, and nothing learnt.
            self.clear()
        if not (self.working / "config.json").exists():
            return None
        own = not self.target.exists() or _key(self.target) == key
        target = self.target if own else self._stopped
        self._publish(target)
        return target

    @property
    def _stopped(self) -> Path:
        """Where a stopped training puts its model if an older one has the name."""
        return self.target.with_name(self.name + STOPPED)

    def _publish(self, target: Path) -> None:
        """Copy the model to its place, in one step but for the moment between two names."""
        new, old = target.with_name(f".{target.name}.new"), _old(target)
        try:
            for folder in (new, old):
                shutil.rmtree(folder, ignore_errors=True)
            for name in MODEL_FILES:
                if (self.working / name).exists():
                    with replacing(new / name) as path:
                        shutil.copyfile(self.working / name, path)
            if target.exists():
                target.rename(old)
            new.rename(target)
        except OSError as error:
            raise cannot_write(target, error) from error
        shutil.rmtree(old, ignore_errors=True)

    def _mend(self) -> None:
        """Give an older model its name back if a program was killed between the two."""
        for target in (self.target, self._stopped):
            old = _old(target)
            if old.exists() and not target.exists():
                try:
                    old.rename(target)
                except OSError as error:
                    raise cannot_write(target, error) from error


def _old(target: Path) -> Path:
    """Give the place of a model while another takes its own."""
    return target.with_name(f".{target.name}.old")


def _remove_model(target: Path) -> None:
    """Remove a model, in one step for whoever lists models; one that is in use may stay."""
    old = _old(target)
    shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):
        target.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def _key(folder: Path) -> str | None:
    try:
        return read_info(folder).key
    except McwssError:
        return None
