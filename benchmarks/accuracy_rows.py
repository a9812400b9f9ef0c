"""Rows of the table: how each is configured, named and dated, and the main ones of a cohort."""

import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from accuracy_cohorts import cohort_of
from accuracy_methods import METHODS, TAGS_ALONE, Given

from napari_mcwss import __version__
from napari_mcwss.model.devices import choose_device
from napari_mcwss.training.config import TrainingConfig, training_config

MOMENT = {"epochs": 1, "minutes": 0.1, "width": 4}
"""What tests give each method."""

USUAL = {"minutes": 5}
"""What `PLANS` does not name."""

AS_THEY_ARE: dict[str, Mapping[str, object]] = {"features": {}, "auto": {}, "features_masks": {}}
"""Methods that find out themselves when they are done."""

PLANS: dict[str, dict[str, Mapping[str, object]]] = {
    "glioma": {
        "cam": {"epochs": 10, "pixel": 2},
        "published": {"minutes": 5, "pixel": 2},
        "mcwss": {"epochs": 20, "pixel": 2},
        "local": {"epochs": 20, "pixel": 2},
        "supervised": {"epochs": 40, "pixel": 2},
        **AS_THEY_ARE,
    },
    "hippocampus": {
        "cam": {"epochs": 10},
        "mcwss": {"epochs": 10},
        "local": {"epochs": 10},
        "supervised": {"epochs": 10},
        **AS_THEY_ARE,
    },
    "phantom": {name: {"epochs": 20} for name in ("cam", "mcwss", "local", "supervised")},
    "quick": dict.fromkeys(METHODS, MOMENT),
    "quick_pictures": dict.fromkeys(METHODS, MOMENT),
}
"""Settings of the main row of each method that is trained, by cohort."""

PICTURES: dict[str, Mapping[str, object]] = {
    "cam": {"minutes": 5, "pixel": 3},
    "published": {"minutes": 5, "pixel": 3},
    "mcwss": {"minutes": 5, "pixel": 3},
    "local": {"minutes": 5, "pixel": 3},
    **AS_THEY_ARE,
    "supervised": {"epochs": 40, "pixel": 3},
}
"""The same for folders of pictures. The ceiling is no matter of minutes."""


@dataclass(frozen=True)
class Planned:
    """A main row: its method, settings, and what it gets beside tags."""

    method: str
    settings: Mapping[str, object]
    given: Given = TAGS_ALONE

    def config(self, device: str = "auto") -> TrainingConfig:
        """Return the configuration of its training."""
        return configured(self.method, training_config(**self.settings, device=device))


def main_rows(cohort: str) -> list[Planned]:
    """Return the rows of a cohort that `accuracy.py all` makes; the first of a method sums it up.

    The hippocampus has rows that are given a few masks as well.
    """
    plan = PLANS.get(cohort, PICTURES)
    rows = [
        Planned(name, plan.get(name, USUAL) if method.trained else {})
        for name, method in METHODS.items()
    ]
    if cohort == "hippocampus":
        refined = {"epochs": 10, "refine": True}
        rows += [Planned("local", refined, Given(masks=masks)) for masks in (1, 2, 5)]
        rows += [Planned("features", {}, Given(masks=masks)) for masks in (1, 2, 5)]
    return rows


def configured(method: str, config: TrainingConfig) -> TrainingConfig:
    """Set what a method brings along: its preset, or the stage that learns from masks."""
    return config.model_copy(update=dict(METHODS[method].settings))


def settings_of(method: str, config: TrainingConfig, given: Given) -> dict[str, object]:
    """Return the settings that make a row another row; none if nothing is trained."""
    if not METHODS[method].trained:
        return {}
    # Defaults are left out: a row stays the same row when the product gets another setting.
    elsewhere = {"preset", "seed", "device", *METHODS[method].settings}
    settings = config.model_dump(exclude=elsewhere, exclude_defaults=True)
    return settings | {name: value for name, value in asdict(given).items() if value}


def describe(
    name: str, method: str, config: TrainingConfig, given: Given = TAGS_ALONE
) -> dict[str, object]:
    """Say what a row is: all that its figures depend on, but for the code."""
    cohort, trained = cohort_of(name), METHODS[method].trained
    return {
        "cohort": name,
        "union": cohort.union,
        "pictures": cohort.pictures,
        "method": method,
        "settings": settings_of(method, config, given),
        "seed": config.seed if trained else 0,
        "device": choose_device(config.device).type if trained else "cpu",
    }


def file_name(row: Mapping[str, object], fold: str) -> str:
    """Name the file of a fold after its row's configuration.

    The code is not part of it: otherwise a comment changed in a source would
    throw away what took hours. See `made`.
    """
    settings = "".join(f"-{key}_{value:g}" for key, value in sorted(row["settings"].items()))
    return f"{row['cohort']}-{row['method']}{settings}-{row['device']}-{row['seed']}-{fold}.json"


def made() -> str:
    """Say when, and of which commit or else version of the code, a row is made."""
    command = ["git", "describe", "--always", "--exclude=*", "--dirty= and changes"]
    try:
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
        code = found.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        code = __version__
    return f"{datetime.now(UTC):%Y-%m-%d}, {code}"
