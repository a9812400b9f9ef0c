"""From the figures of rows to ``accuracy.md``."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from accuracy_methods import METHODS

from napari_mcwss.base.files import replacing

REMARKS = "## Remarks"
"""From this line on the file is written by hand."""

HEADER = """# Accuracy

`python benchmarks/accuracy.py table` writes this page, except for the remarks at its end. How the
figures were made:

- **Cohorts.** `glioma`: five patients (four of BRATS 2013, one of BRATS 2021; T1c and FLAIR), each
  left out in turn; core TC = 1, 4, oedema ED = 2, WT both. `hippocampus`: Medical Segmentation
  Decathlon Task04, T1; trained on the first 60 scans by name, tested on the last 20; ANT = 1,
  POST = 2, ALL both. `phantom`: eight generated tumours, six to train on and two to test on.
  Settings of the method were chosen on these very gliomas (see [the method](../docs/method.md)).
- **Use of masks.** Before any training, a slice is tagged present if the mask has at least one
  voxel of the class on it, otherwise absent. `cam`, `published`, `mcwss` and `local`, refined or
  not, train and segment without the masks (a test deletes the files), except for the masks that a
  row says were given. `published` and `mcwss` choose their epoch by the tags of validation scans;
  the others keep their last epoch. All settings, thresholds included, are the defaults unless the
  name of the row says otherwise.
- **Methods.** `empty`: no voxel. `location_prior`: the mean of the training masks, without any
  image. `cam`: a classifier on the mean of the deepest features of the network of `mcwss`, its
  maps relative to the maximum of their slice. *refined*: a second stage learns from the masks that
  the first stage makes of the training scans, with a 2-D U-Net unless the row says *3-D*;
  *masks given: n*: for the first n scans by name it gets the reference masks.
  `supervised`, the ceiling, is that second stage alone with all masks: MONAI's `BasicUNet`,
  Dice and cross-entropy, the same slices, preparation, augmentation, optimiser, schedule, smoothing
  and borders. It is not a tuned segmentation system. *2 mm*: the network reads 2 mm pixels, which
  is about six times as fast as the default (the pixels of the scans, but not below 1 mm); masks
  have the scan's own voxels. *place*: the network also reads the position of a pixel. Of ten or
  more training scans a fifth are validation scans, but none whose mask is given.
- **Figures.** Means over the tested scans, measured as by `napari-mcwss evaluate`: *Dice*, in 3-D;
  *HD95* in mm, over the scans where it is defined (`[3/5]`: three of five); *worst*, the Dice of
  the worst scan; *slice Dice*, the mean of a scan's 2-D Dice over the slices where the class is;
  *false slices*, the share of the slices without the class, of all in the file, on which some voxel
  is labelled as it. *Tags unused*: nothing is known of the tested scan. *Own tags*: a class cannot
  be where the scan's tags say absent, and a present tag lets it be, except in `location_prior`.
- **Reading.** ± is the standard deviation over seeds. In brackets: the figure divided by that of
  `supervised` on the same scans; for HD95 and false slices less is better. Of several complete
  `supervised` rows, the one with the best Dice of the union is the ceiling. Minutes are the time
  to train a fold, reading included; where minutes limit a training, they buy fewer epochs on a slow
  or busy machine. *Hours* are a reader's time for what the row learns from: one second for the tags
  of a slice, ten minutes for the mask of a scan.

![Dice of all classes together against hours of a reader](accuracy.png)
"""

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
"""Scan to the figures that `accuracy.score` gives, with tags unused and as gate."""


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

    def values(self, column: str, name: str, scans: set[str]) -> list[list[float]]:
        """Return what is defined of one column and class, a list for each seed."""
        use, measure = MEASURES[column]
        found = [[seed[scan][use][name][measure] for scan in scans] for seed in self.seeds.values()]
        return [[value for value in values if value is not None] for values in found]

    def figures(self, column: str, name: str, scans: set[str]) -> list[float]:
        """Return a column's figure of every seed in which it is defined."""
        summary: Callable[[list[float]], float] = min if column.startswith("worst") else fmean
        return [summary(values) for values in self.values(column, name, scans) if values]


def write_table(figures: Path, out: Path, code: Mapping[str, str]) -> None:
    """Write the file anew, but for its remarks.

    Parameters
    ----------
    figures : Path
        Their folder.
    out : Path
        The file.
    code : mapping of str to str
        Digest of the present code of each method; rows of other code are marked.
    """
    sections = [HEADER]
    for cohort, rows in sorted(read_rows(figures).items()):
        sections.append("\n".join(_section(cohort, rows, code)))
    old = out.read_text(encoding="utf-8") if out.exists() else ""
    remarks = old.partition(f"\n{REMARKS}\n")[2] or "\nNone yet.\n"
    with replacing(out) as path:
        path.write_text("\n".join([*sections, f"{REMARKS}\n{remarks}"]), encoding="utf-8")


def read_rows(figures: Path) -> dict[str, list[Row]]:
    """Read the rows of each cohort that there are figures of, in the order of the table."""
    cohorts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for path in sorted(figures.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        cohorts[record["cohort"]].append(record)
    return {cohort: _rows(records) for cohort, records in cohorts.items()}


def _section(cohort: str, rows: Sequence[Row], code: Mapping[str, str]) -> Iterator[str]:
    finished = [row for row in rows if row.method == "supervised" and row.finished]
    ceiling = max(
        finished, key=lambda row: fmean(row.figures("Dice", row.union, row.scans)), default=None
    )
    names = list(next(iter(rows[0].records[0]["scans"].values()))["unused"])
    yield f"## {cohort}\n"
    for name in names:
        yield f"### {cohort}: {name}\n"
        yield from _lines([name, *MEASURES], [_cells(row, name, ceiling) for row in rows])
    yield f"### {cohort}: Dice of each scan, tags unused ({', '.join(names)})\n"
    yield from _lines(
        ["scan", *(row.label for row in rows)],
        [
            [scan, *(_of_scan(row, scan, names) for row in rows)]
            for scan in sorted(set().union(*(row.scans for row in rows)))
        ],
    )
    yield f"### {cohort}: runs\n"
    columns = ["row", "seeds", "folds", "epochs", "minutes", "hours", "machine", "code", "settings"]
    yield from _lines(columns, [_run(row, code[row.method]) for row in rows])


def _rows(records: Sequence[Mapping[str, Any]]) -> list[Row]:
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        settings = json.dumps(record["settings"], sort_keys=True)
        groups[record["method"], settings, record["device"]].append(record)
    ordered = sorted(groups.items(), key=lambda group: (METHODS.index(group[0][0]), group[0][1:]))
    return [Row(method, group) for (method, *_), group in ordered]


def _lines(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write a Markdown table."""
    for line in (columns, ["---"] * len(columns), *cells):
        yield f"| {' | '.join(line)} |"
    yield ""


def _cells(row: Row, name: str, ceiling: Row | None) -> list[str]:
    return [row.label, *(_cell(row, column, name, ceiling) for column in MEASURES)]


def _cell(row: Row, column: str, name: str, ceiling: Row | None) -> str:
    scans = row.scans
    figures = row.figures(column, name, scans)
    if not figures:
        return "-"
    digits = 1 if MEASURES[column][1] == "hd95_mm" else 2
    text = f"{fmean(figures):.{digits}f}"
    if len(figures) > 1:
        text += f" ± {stdev(figures):.{digits}f}"
    if ceiling is not None and row is not ceiling and scans <= ceiling.scans:
        best = ceiling.figures(column, name, scans)
        if best and fmean(best):
            text += f" ({fmean(figures) / fmean(best):.2f})"
    defined = sum(map(len, row.values(column, name, scans)))
    total = len(scans) * len(row.seeds)
    return text if defined == total else f"{text} [{defined}/{total}]"


def _of_scan(row: Row, scan: str, names: Sequence[str]) -> str:
    """Write the Dice of a scan's classes, mean over seeds."""
    if scan not in row.scans:
        return "-"
    return ", ".join(f"{fmean(row.figures('Dice', name, {scan})):.2f}" for name in names)


def _run(row: Row, code: str) -> list[str]:
    settings = row.records[0]["settings"]
    digests = sorted({record["code"] for record in row.records})
    used = [record for record in row.records if record["seed"] in row.seeds]
    left_out = sorted({record["seed"] for record in row.records} - row.seeds.keys())
    return [
        row.label,
        ", ".join(map(str, row.seeds))
        + (f" (unfinished: {', '.join(map(str, left_out))})" if left_out else ""),
        row.folds,
        f"{fmean(record['epochs'] for record in used):.1f}",
        f"{fmean(record['minutes'] for record in used):.1f}",
        f"{row.hours:.2f}",
        "; ".join(sorted({record["machine"] for record in used})),
        ", ".join(
            digest if digest == code else f"{digest} (not the present)" for digest in digests
        ),
        ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None),
    ]
