"""Rows as they are read from the files of their figures."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from accuracy_methods import METHODS
from accuracy_rows import main_rows, settings_of
from accuracy_scores import PICTURE_MEASURES

MEASURES = {
    "Dice": ("unused", "dice"),
    "worst": ("unused", "dice"),
    "HD95": ("unused", "hd95_mm"),
    "slice Dice": ("unused", "slice_dice"),
    "false slices": ("unused", "false_slices"),
    "Dice, own tags": ("gate", "dice"),
    "worst, own tags": ("gate", "dice"),
    "HD95, own tags": ("gate", "hd95_mm"),
    "slice Dice, own tags": ("gate", "slice_dice"),
}
"""Column to the tags' use and the measure that it shows."""

EXTRAS = {
    "refine": (False, "refined"),
    "volumetric": (False, "3-D"),
    "masks": (0, "masks given: {}"),
    "scans": (None, "{} scans"),
    "pixel": (None, "{:g} mm"),
    "place": (False, "place"),
}
"""Setting to what it is by default, and how a row is named where it is not."""

Scans = Mapping[str, Any]
"""Scan to what `accuracy_scores.score` gives, with tags unused and as gate, or `count` gives."""


@dataclass(frozen=True)
class Row:
    """One method with one configuration.

    Attributes
    ----------
    method : str
        Its name.
    records : sequence
        What is known of it, a fold and a seed each.
    """

    method: str
    records: Sequence[Mapping[str, Any]]

    @property
    def name(self) -> str:
        """Method and what is special about it."""
        settings = self.records[0]["settings"]
        extras = [
            text.format(settings[name])
            for name, (default, text) in EXTRAS.items()
            if settings.get(name, default) != default
        ]
        return ", ".join([f"`{self.method}`", *extras])

    @property
    def label(self) -> str:
        """Name, length and device, and whether folds are missing."""
        settings = self.records[0]["settings"]
        lengths = [
            f"{settings[name]:g} {unit}"
            for name, unit in (("minutes", "min"), ("epochs", "ep."))
            if settings.get(name)
        ]
        missing = [] if self.finished else [f"{self.folds} folds"]
        device = [self.device] if lengths else []
        return ", ".join([self.name, *lengths, *device, *missing])

    @property
    def device(self) -> str:
        """Kind of the device."""
        return str(self.records[0]["device"])

    @property
    def union(self) -> str:
        """Name of all classes together."""
        return str(self.records[0]["union"])

    @property
    def hours(self) -> float:
        """Hours of a reader, mean over the folds."""
        return fmean(record["reader_hours"] for record in self.records)

    @property
    def seeds(self) -> dict[int, Scans]:
        """Figures of each seed; seeds that lack scans that others have are left out."""
        found: dict[int, dict[str, Any]] = defaultdict(dict)
        for record in self.records:
            found[record["seed"]].update(record["scans"])
        most = max(found.values(), key=len).keys()
        return {seed: scans for seed, scans in sorted(found.items()) if scans.keys() == most}

    @property
    def scans(self) -> set[str]:
        """Names of the scans that it was tested on."""
        return set(next(iter(self.seeds.values())))

    @property
    def folds(self) -> str:
        """How many folds of how many each of `seeds` has."""
        used = sum(record["seed"] in self.seeds for record in self.records)
        return f"{used // len(self.seeds)} of {self.records[0]['folds']}"

    @property
    def finished(self) -> bool:
        """Whether some seed has all folds."""
        folds = Counter(record["seed"] for record in self.records)
        return max(folds.values()) == int(self.records[0]["folds"])

    @property
    def pictures(self) -> bool:
        """Whether it was tested on single pictures, all of which make one figure."""
        return bool(self.records[0].get("pictures"))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the figures; the first one is the main one."""
        return tuple(PICTURE_MEASURES if self.pictures else MEASURES)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, and last that of their union."""
        scan = next(iter(self.records[0]["scans"].values()))
        return tuple(scan if self.pictures else scan["unused"])

    @property
    def summary(self) -> bool:
        """Whether it is the main row of its method."""
        planned = next(
            row for row in main_rows(self.records[0]["cohort"]) if row.method == self.method
        )
        settings = settings_of(self.method, planned.config(), planned.given)
        return bool(settings == self.records[0]["settings"])

    def main_figures(self, scans: set[str]) -> list[float]:
        """Return the main figure of all classes together, of every seed."""
        return self.figures(self.columns[0], self.union, scans)

    def values(self, column: str, name: str, scans: set[str]) -> list[list[float]]:
        """Return what is defined of one column and class, a list for each seed.

        That is one value of each scan, but one of all pictures together.
        """
        if self.pictures:
            found = [self._of_pictures(column, name, seed, scans) for seed in self.seeds.values()]
            return [[] if value is None else [value] for value in found]
        use, measure = MEASURES[column]
        found = [[seed[scan][use][name][measure] for scan in scans] for seed in self.seeds.values()]
        return [[value for value in values if value is not None] for values in found]

    def figures(self, column: str, name: str, scans: set[str]) -> list[float]:
        """Return a column's figure of every seed in which it is defined."""
        summary: Callable[[list[float]], float] = min if column.startswith("worst") else fmean
        return [summary(values) for values in self.values(column, name, scans) if values]

    def _of_pictures(self, column: str, name: str, seed: Scans, scans: set[str]) -> float | None:
        if column == "AUC" and name == self.union:
            classes = [self._of_pictures(column, other, seed, scans) for other in self.names[:-1]]
            found = [value for value in classes if value is not None]
            return fmean(found) if found else None
        return PICTURE_MEASURES[column]([seed[scan][name] for scan in sorted(scans)])


def read_rows(figures: Path) -> dict[str, list[Row]]:
    """Read the rows of each cohort that there are figures of, in the order of the table."""
    cohorts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for path in sorted(figures.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        cohorts[record["cohort"]].append(record)
    return {cohort: _rows(records) for cohort, records in cohorts.items()}


def _rows(records: Sequence[Mapping[str, Any]]) -> list[Row]:
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        settings = json.dumps(record["settings"], sort_keys=True)
        groups[record["method"], settings, record["device"]].append(record)
    methods = list(METHODS)
    ordered = sorted(groups.items(), key=lambda group: (methods.index(group[0][0]), group[0][1:]))
    return [Row(method, group) for (method, *_), group in ordered]
