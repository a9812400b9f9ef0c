"""How far the models of a study are trained, read without torch."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, model_validator

from napari_mcwss.base.reading import file_bytes
from napari_mcwss.base.text import printable
from napari_mcwss.study.described import DescribedStudy


class _Description(BaseModel):
    """The fields of `napari_mcwss.model.checkpoint.ModelInfo` that tell how far a model is."""

    classes: tuple[str, ...] = ()
    key: str = ""
    stopped: str = ""
    undivided: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, data: Any) -> Any:
        return printable(data)


@dataclass(frozen=True)
class ModelState:
    """A model, and what is missing in words: empty if its training was finished.

    `unknown` are classes of the study that it was not trained on.
    """

    name: str
    lack: str = ""
    unknown: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether the training was finished."""
        return not self.lack

    @property
    def label(self) -> str:
        """The name, with what is missing."""
        without = f"without {', '.join(self.unknown)}" if self.unknown else ""
        notes = ", ".join(filter(None, (self.lack, without)))
        return f"{self.name} ({notes})" if notes else self.name


def model_states(study: DescribedStudy) -> list[ModelState]:
    """Return the states of all models, the newest last."""
    return [_state(study, name) for name in study.model_names()]


def default_model(
    states: Sequence[ModelState], chosen: str = "", known: Collection[str] = ()
) -> str:
    """Return the model to be used until the user chooses another.

    Parameters
    ----------
    states : sequence of ModelState
        All models, the newest last.
    chosen : str
        The model that was used before.
    known : collection of str
        Models that there were before. A new one that is finished takes the place of the chosen
        one: the user has just waited for it.

    Returns
    -------
    str
        A stopped model only if it was chosen, or no other is finished; empty if there is none.
    """
    finished = [state.name for state in states if state.finished]
    new = [name for name in finished if name not in known]
    if new:
        return new[-1]
    names = [state.name for state in states]
    if chosen in names:
        return chosen
    return next(reversed(finished or names), "")


def _state(study: DescribedStudy, name: str) -> ModelState:
    folder = study.model_folder(name)
    found = _read(folder)
    if found is None:
        return ModelState(name, "cannot be read")
    lacks = [f"stopped in {found.stopped}"] if found.stopped else []
    if not lacks and found.key:
        # Older versions did not note it, but the same training can still be resumed.
        unfinished = _read(folder.with_name(f".{name.removesuffix('-stopped')}.training"))
        lacks = ["stopped"] if unfinished is not None and unfinished.key == found.key else []
    lacks += [f"{inner} and {outer} not told apart" for inner, outer in found.undivided]
    known = study.known_classes.all_current(found.classes)
    # Without its classes, nothing can be said.
    unknown = tuple(name for name in study.class_names if known and name not in known)
    return ModelState(name, ", ".join(lacks), unknown)


def _read(folder: Path) -> _Description | None:
    try:
        return _Description.model_validate_json(file_bytes(folder / "config.json"))
    except (OSError, ValidationError):
        return None
