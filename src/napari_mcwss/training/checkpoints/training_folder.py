"""The hidden folder in which a training writes, until its model takes its place."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.model.checkpoint import ModelInfo, read_info, save_info, save_model
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
"""Files of a model; with the last one it is complete."""


class TrainingFolder:
    """The folder of a model in training, a context in which no other training can use it.

    `target` is the folder of the finished model, `working` the hidden one that is written to.
    """

    def __init__(self, study: Study, name: str) -> None:
        self.study = study
        self.name = name
        self.target = study.model_folder(name)
        self.working = working_folder(study, name)
        self._lock = training_lock(study, name)

    def __enter__(self) -> "TrainingFolder":
        self.study.make_folder(self.target.parent)
        for folder in (self.working, _new(self.target), _new(self._stopped)):
            self.study.check_inside(folder)
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
        """Raise an `UnfinishedError` if there is an unfinished training."""
        unfinished = unfinished_training(self.study, self.name)
        if unfinished is not None:
            raise UnfinishedError(unfinished)

    def read_state(self) -> TrainingState:
        """Read the state of the unfinished training."""
        if not (self.working / STATE).exists():
            others = ", ".join(found.name for found in unfinished_trainings(self.study))
            raise McwssError(
                f"there is no unfinished training of '{self.name}': "
                + (f"choose one of {others}" if others else "start one without --resume")
            )
        return read_state(self.working / STATE)

    def write_state(self, state: TrainingState, summary: Unfinished) -> None:
        """Write a state, then its summary; if that fails, an older one is kept."""
        self._check()
        write_state(self.working / STATE, state)
        write_summary(self.working, summary)

    def write_model(
        self, preset: Preset, info: ModelInfo, history: Sequence[Mapping[str, float]]
    ) -> None:
        """Write the model and ``history.csv``."""
        self._check()
        columns = list(dict.fromkeys(key for row in history for key in row))
        with (
            replacing(self.working / "history.csv") as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(history)
        save_model(self.working, preset, info)

    def amend_model(self, **changes: object) -> None:
        """Change fields of the description of the written model."""
        save_info(self.working, read_info(self.working).model_copy(update=changes))

    def clear(self) -> None:
        """Remove all that the training has written."""
        remove_folder(self.working)

    def finish(self, key: str) -> Path:
        """Put the model in its place, instead of an older one, and remove the working folder.

        A model that the training with this key left under the name with ``-stopped`` is removed,
        too.
        """
        self._publish(self.target)
        if _key(self._stopped) == key:
            _remove_model(self._stopped)
        self.clear()
        return self.target

    def keep(self, key: str) -> Path | None:
        """Publish the model of a stopped training, which can still be resumed; return its folder.

        It takes the model's name if that is free or, by the key, the training's own. Otherwise it
        takes the name with ``-stopped``: an old model stays until a new one is finished.
        """
        unfinished = unfinished_training(self.study, self.name)
        if unfinished is None:
            # It failed before there was anything to keep.
            self.clear()
        if unfinished is None or not (self.working / "config.json").exists():
            return None
        own = not self.target.exists() or _key(self.target) == key
        target = self.target if own else self._stopped
        self._publish(target, stopped=unfinished.position)
        return target

    def _check(self) -> None:
        """Refuse to write where the study is gone, or another training has taken the name."""
        self.study.check_there()
        self._lock.verify()

    @property
    def _stopped(self) -> Path:
        return self.target.with_name(self.name + STOPPED)

    def _publish(self, target: Path, *, stopped: str = "") -> None:
        """Copy the model to its place, with the epoch if its training was stopped.

        A kill between the two renames is mended by `_mend`.
        """
        self._check()
        new, old = _new(target), _old(target)
        try:
            for folder in (new, old):
                shutil.rmtree(folder, ignore_errors=True)
            for name in MODEL_FILES:
                if (self.working / name).exists():
                    with replacing(new / name) as path:
                        shutil.copyfile(self.working / name, path)
            if stopped:
                save_info(new, read_info(new).model_copy(update={"stopped": stopped}))
            if target.exists():
                target.rename(old)
            new.rename(target)
        except OSError as error:
            raise cannot_write(target, error) from error
        shutil.rmtree(old, ignore_errors=True)

    def _mend(self) -> None:
        """Restore an older model if a program was killed while it was replaced."""
        for target in (self.target, self._stopped):
            old = _old(target)
            if old.exists() and not target.exists():
                try:
                    old.rename(target)
                except OSError as error:
                    raise cannot_write(target, error) from error


def _new(target: Path) -> Path:
    """Return the folder in which a model is put together before it takes its place."""
    return target.with_name(f".{target.name}.new")


def _old(target: Path) -> Path:
    """Return the folder of a model that is being replaced."""
    return target.with_name(f".{target.name}.old")


def _remove_model(target: Path) -> None:
    """Remove a model, renamed first so that no list shows half of it; one in use may stay."""
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
