"""Records of trainings, to be compared."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.model.checkpoint import ModelInfo, read_info
from napari_mcwss.study.study import Study

AUC = "auc_"
"""Prefix of columns with the area under the ROC curve of a class."""


@dataclass(frozen=True)
class EpochRecord:
    """An epoch of a history, as `napari_mcwss.training.events.Epoch` has it."""

    epoch: int
    losses: Mapping[str, float]
    validation: Mapping[str, float]


@dataclass(frozen=True)
class RunRecord:
    """A model's description, and its epochs if they were kept."""

    info: ModelInfo
    history: tuple[EpochRecord, ...]

    @property
    def facts(self) -> dict[str, str]:
        """Settings, data and versions in words, by name."""
        info = self.info
        settings = {
            key.replace("_", " "): "" if value is None else str(value)
            for key, value in info.training.items()
        }
        return {
            "epochs trained": str(info.epochs),
            "seconds": str(round(info.seconds) or ""),
            "device used": info.device,
            "processes": str(info.processes or ""),
            "backend": info.backend,
            "finished": info.finished,
            "scans": ", ".join(info.scans),
            "validation scans": ", ".join(info.validation_scans),
            "trusted masks": ", ".join(info.trusted_scans),
            "tagged slices": str(info.slices or ""),
            **{f"tags of {name}": _tags(counts) for name, counts in info.tags.items()},
            "pixel size read": f"{info.pixel:g}",
            **settings,
            **{f"version of {name}": version for name, version in info.versions.items()},
        }


def read_run(study: Study, model: str) -> RunRecord:
    """Read the record of a model's training; raise McwssError if a part is missing or damaged."""
    folder = study.model_folder(model)
    info, path = read_info(folder), folder / "history.csv"
    try:
        file = io.StringIO(file_bytes(path).decode(), newline="")
        return RunRecord(info, tuple(map(_epoch, csv.DictReader(file))))
    except FileNotFoundError:
        return RunRecord(info, ())  # a shared model has none
    except (OSError, ValueError, KeyError, TypeError, OverflowError, csv.Error) as error:
        raise McwssError(
            f"'{path}' cannot be read as the history of a training ({type(error).__name__}): "
            "remove the file, the model does not need it"
        ) from error


def _epoch(row: Mapping[str, str]) -> EpochRecord:
    # Loss terms of other stages are blank.
    values = {name: float(text) for name, text in row.items() if text}
    epoch = int(values.pop("epoch"))
    aucs = {name[len(AUC) :]: v for name, v in values.items() if name.startswith(AUC)}
    return EpochRecord(epoch, {k: v for k, v in values.items() if not k.startswith(AUC)}, aucs)


def _tags(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {tag}" for tag, number in counts.items())
