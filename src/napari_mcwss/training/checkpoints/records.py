"""What is kept of trainings beside their networks, to be compared."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import ModelInfo, read_info
from napari_mcwss.study.study import Study

AREA = "auc_"
"""Begins the name of a column with aucs under the ROC curve, before the class."""


@dataclass(frozen=True)
class EpochRecord:
    """An epoch of a history, as `napari_mcwss.training.events.Epoch` has it."""

    epoch: int
    losses: Mapping[str, float]
    validation: Mapping[str, float]


@dataclass(frozen=True)
class RunRecord:
    """What a training was, and how it went.

    Attributes
    ----------
    info : ModelInfo
        Configuration, data, time and device.
    history : tuple of EpochRecord
        Its epochs; empty if they were not kept.
    """

    info: ModelInfo
    history: tuple[EpochRecord, ...]

    @property
    def facts(self) -> dict[str, str]:
        """Give what is known of it by name, in words: settings, data, versions."""
        info = self.info
        settings = {key.replace("_", " "): _words(value) for key, value in info.training.items()}
        return {
            "epochs trained": str(info.epochs),
            "seconds": _words(round(info.seconds) or None),
            "computed on": info.device,
            "processes": _words(info.processes or None),
            "processes speak by": info.backend,
            "finished": info.finished,
            "scans": ", ".join(info.scans),
            "held back": ", ".join(info.validation_scans),
            "trusted masks": ", ".join(info.trusted_scans),
            "tagged slices": _words(info.slices or None),
            **{f"tags of {name}": _tags(counts) for name, counts in info.tags.items()},
            "pixel read": f"{info.pixel:g}",
            **settings,
            **{f"version of {name}": version for name, version in info.versions.items()},
        }


def read_run(study: Study, model: str) -> RunRecord:
    """Read the record of a model of a study.

    Raises
    ------
    McwssError
        If there is no such model, or its description or history is damaged.
    """
    folder = study.model_folder(model)
    info, path = read_info(folder), folder / "history.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return RunRecord(info, tuple(map(_epoch, csv.DictReader(file))))
    except FileNotFoundError:
        return RunRecord(info, ())  # a model that was shared comes without
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise McwssError(
            f"'{path}' cannot be read as the history of a training ({type(error).__name__}): "
            "remove it, the model does without"
        ) from error


def _epoch(row: Mapping[str, str]) -> EpochRecord:
    # What a stage does not have is left blank.
    values = {name: float(text) for name, text in row.items() if text}
    epoch = int(values.pop("epoch"))
    aucs = {name[len(AREA) :]: v for name, v in values.items() if name.startswith(AREA)}
    return EpochRecord(epoch, {k: v for k, v in values.items() if not k.startswith(AREA)}, aucs)


def _words(value: object) -> str:
    return "" if value is None else str(value)


def _tags(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {tag}" for tag, number in counts.items())
