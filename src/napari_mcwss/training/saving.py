"""Where a run keeps its model: out of the way until it has succeeded."""

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path

from napari_mcwss.files import replacing
from napari_mcwss.model.checkpoint import ModelInfo, save_model
from napari_mcwss.model.preset import Preset
from napari_mcwss.project import Study

STOPPED = "-stopped"


class ModelFolder:
    """The folder of a model in training.

    A run writes to a hidden folder beside its model. Only when it succeeds
    does that take the place of an older model of the same name.

    Parameters
    ----------
    study : Study
        Where the model belongs.
    name : str
        Of the model.

    Attributes
    ----------
    working : Path
        Where the run writes.
    """

    def __init__(self, study: Study, name: str) -> None:
        self.study = study
        self.name = name
        self._target = study.model_folder(name)
        self.working = self._target.with_name(f".{name}.training")
        self._history: list[dict[str, float]] = []
        shutil.rmtree(self.working, ignore_errors=True)

    def record(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add an epoch to ``history.csv``."""
        self._history.append({"epoch": epoch, **values})
        columns = list(dict.fromkeys(key for row in self._history for key in row))
        with (
            replacing(self.working / "history.csv") as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self._history)

    def save(self, preset: Preset, info: ModelInfo) -> None:
        """Write the model."""
        save_model(self.working, preset, info)

    def publish(self) -> Path:
        """Put the written model in place of any older one."""
        return self._move(self._target)

    def keep(self) -> Path | None:
        """Keep what a stopped run has written.

        It takes the model's name if that is free, else the name with
        ``-stopped``: an old model stays until a new one has succeeded.
        """
        if not self.working.exists():
            return None
        free = not self._target.exists()
        return self._move(self._target if free else self.study.model_folder(self.name + STOPPED))

    def _move(self, target: Path) -> Path:
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        self.working.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return target
