"""How a model was trained, and its masks made, in words and curves for a report."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted, duration, names_text
from napari_mcwss.model.checkpoint import ModelInfo
from napari_mcwss.segmentation.corrected import is_corrected
from napari_mcwss.segmentation.results import stored_settings
from napari_mcwss.study.study import Study

AUC = "auc_"
"""Prefix of columns of a history with the AUC of a class."""

Curves = dict[str, list[float]]


def training_facts(study: Study, info: ModelInfo) -> dict[str, str]:
    """Return what a reader of a paper asks first."""
    here = [name for name in info.scans if name in study.scan_names]
    tagged = sum(int(study.tags.read(name).tagged.sum()) for name in here)
    slices = f", {counted(tagged, 'tagged slice')}" if len(here) == len(info.scans) else ""
    facts = {
        "Preset": info.preset,
        "Trained on": f"{counted(len(info.scans), 'scan')}{slices}",
        "Validated on": counted(len(info.validation_scans), "scan"),
        "Corrected masks": counted(len(info.trusted_scans), "scan"),
        "Epochs": str(info.epochs),
        "Classes": ", ".join(info.classes),
        "Channels": ", ".join(info.channels),
        "Pixel": f"{info.pixel:g} mm",
        "Duration": duration(info.seconds) if info.seconds else "",
        "Device": info.device,
        "Finished": info.finished.partition("T")[0],
        "Note": info.shortcoming,
    }
    return {label: text for label, text in facts.items() if text and text != "0 scans"}


def details_of(info: ModelInfo) -> dict[str, str]:
    """Return all settings of a training, and the versions of the software."""
    settings = {
        key.replace("_", " "): _value(value)
        for key, value in info.training.items()
        if value not in (None, "")
    }
    return settings | {f"version of {name}": version for name, version in info.versions.items()}


def mask_settings(study: Study, model: str, scans: Sequence[str]) -> dict[str, str]:
    """Say how the masks of scans were made, and of which if they differ."""
    made: dict[str, list[str]] = defaultdict(list)
    for scan in scans:
        if not is_corrected(study, scan):
            record = stored_settings(study, model, scan)
            texts = (f"{key} {_value(value)}" for key, value in record.items())
            made[", ".join(texts) or "not known"].append(scan)
    return {
        "masks" + (f" of {names_text(names)}" if len(made) > 1 else ""): text
        for text, names in made.items()
    }


def read_curves(history: Path) -> tuple[Curves, Curves]:
    """Read the losses and the AUCs of a training by epoch; shared models have none."""
    losses: Curves = defaultdict(list)
    aucs: Curves = defaultdict(list)
    if not history.exists():
        return losses, aucs
    try:
        with history.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if None in row:
                    raise ValueError("a row has more cells than the header")
                for name, value in row.items():
                    if name != "epoch":
                        curves = aucs if name.startswith(AUC) else losses
                        # The terms of other stages are blank.
                        curves[name.removeprefix(AUC)].append(float(value or "nan"))
    except (OSError, ValueError, csv.Error) as error:
        raise McwssError(
            f"'{history}' cannot be read ({error}): move it away to do without its curves"
        ) from error
    return losses, aucs


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(found)}" for key, found in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
