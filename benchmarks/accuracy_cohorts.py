"""The scans that accuracy is measured on, as studies that are tagged from their masks.

Each folder of pictures in ``MCWSS_DATA/domains`` is a cohort of its name:
``images/x.png``, ``labels/x.png``, and ``about.json`` with the classes.
"""

import json
import os
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.references import read_references
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.phantom import (
    PHANTOM_CHANNELS,
    PHANTOM_CLASSES,
    PHANTOM_SIZE,
    write_phantom,
)
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.study.study import Study
from napari_mcwss.tags.importing import tags_from_mask

Result = tuple[Mapping[str, Sequence[Path]] | Path, str]
"""Files of each scan or their folder, and where the masks are as `find_masks` takes it."""

ANY_CLASS = "any class"
"""Name of all classes of pictures together."""

GROUPS = {"covidct_half": r"(.+)[LR]", "idrid_tiles": r"(IDRiD_\d+)_.*"}
"""Names of pictures, and in them the group that is never split; elsewhere the whole name."""


@dataclass(frozen=True)
class Cohort:
    """Scans to learn from and to measure on.

    Attributes
    ----------
    find : callable
        Gives the scans' files; may write scans to the folder that it is given.
    channels : tuple of str, optional
        Their names; if not given, as for a user who names none.
    values : mapping
        Class to its values in the masks.
    union : str
        Name of all classes together.
    tested : int, optional
        So many scans, the last by name, are tested on in a single fold; else
        each scan in turn. Not used for pictures.
    group : str, optional
        For pictures: pattern of a whole name, whose first group is what is
        not split. A third of these groups is tested on in a single fold.
    """

    find: Callable[[Path], Result]
    channels: tuple[str, ...] | None
    values: Mapping[str, Sequence[int]]
    union: str
    tested: int | None = None
    group: str | None = None

    @property
    def pictures(self) -> bool:
        """Whether these are single pictures, not volumes."""
        return self.group is not None

    def folds(self, scans: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the scans to be tested on by the name of their fold."""
        if self.group is not None:
            return {"test": _third(scans, self.group)}
        if self.tested is None:
            return {scan: (scan,) for scan in scans}
        return {"test": tuple(sorted(scans)[-self.tested :])}


def _third(scans: Sequence[str], pattern: str) -> tuple[str, ...]:
    """Return the scans of a third of the groups."""
    group = {scan: match[1] if (match := re.fullmatch(pattern, scan)) else scan for scan in scans}
    groups = sorted(set(group.values()))
    random.Random(0).shuffle(groups)
    tested = set(groups[len(groups) * 2 // 3 :])
    return tuple(scan for scan in sorted(scans) if group[scan] in tested)


@dataclass(frozen=True)
class Bench:
    """A cohort as a study, and apart from it what its masks are found by.

    Attributes
    ----------
    study : Study
        Tagged from the masks. It knows of no mask.
    cohort : Cohort
        Whose scans these are.
    masks : str
        As in `find_masks`.
    """

    study: Study
    cohort: Cohort
    masks: str

    def references(self, scans: Sequence[str]) -> Iterable[tuple[str, NDArray[np.bool_]]]:
        """Read masks, one scan at a time."""
        return read_references(self.study, self.masks, self.cohort.values, scans)


def data_folder() -> Path:
    """Return the folder of real scans."""
    if "MCWSS_DATA" not in os.environ:
        raise McwssError("MCWSS_DATA does not name the folder of real scans: set it")
    return Path(os.environ["MCWSS_DATA"])


def _gliomas(_folder: Path) -> Result:
    data = data_folder()
    return {
        **find_scans(data / "glioma", ("t1c", "flair")),
        **find_scans(data / "glioma4", ("t1ce", "flair")),
    }, "seg"


def _hippocampi(_folder: Path) -> Result:
    data = data_folder() / "hippocampus"
    return find_scans(data / "images", ("t1",)), str(data / "labels")


def _phantoms(
    size: tuple[int, int, int],
) -> Callable[[Path], Result]:
    def find(folder: Path) -> Result:
        write_phantom(folder / "scans", scans=8, size=size)
        return find_scans(folder / "scans", PHANTOM_CHANNELS), "seg"

    return find


def _quick_pictures(folder: Path) -> Result:
    """Write nine pairs of small coloured pictures with a bright spot or two."""
    rows, columns = np.mgrid[:48, :40]
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for number in range(18):
        rng = np.random.default_rng(number)
        pixels = rng.integers(60, 90, (48, 40, 3))
        labels = np.zeros((48, 40), np.uint8)
        for label in (1, 2):
            if number % 3 != label:
                row, column = rng.integers(10, 30, 2)
                spot = (rows - row) ** 2 + (columns - column) ** 2 < 25
                pixels[spot, label] += 120
                labels[spot] = label
        name = f"{number // 2:02}{'LR'[number % 2]}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / name)
        Image.fromarray(labels).save(folder / "labels" / name)
    return folder / "images", str(folder / "labels")


COHORTS = {
    "glioma": Cohort(_gliomas, ("t1c", "flair"), {"TC": (1, 4), "ED": (2,)}, "WT"),
    "hippocampus": Cohort(_hippocampi, ("t1",), {"ANT": (1,), "POST": (2,)}, "ALL", tested=20),
    "phantom": Cohort(_phantoms(PHANTOM_SIZE), PHANTOM_CHANNELS, PHANTOM_CLASSES, "WT", tested=2),
    "quick": Cohort(_phantoms((9, 41, 36)), PHANTOM_CHANNELS, PHANTOM_CLASSES, "WT", tested=2),
    "quick_pictures": Cohort(
        _quick_pictures, None, {"green": (1,), "blue": (2,)}, ANY_CLASS, group=r"(\d+)[LR]"
    ),
}
"""Cohorts by name, but for those of `domains`."""


def domains() -> list[str]:
    """Return the names of the folders of pictures."""
    if "MCWSS_DATA" not in os.environ:
        return []
    return sorted(path.parent.name for path in data_folder().glob("domains/*/about.json"))


def cohort_of(name: str) -> Cohort:
    """Return a cohort by its name.

    Raises
    ------
    McwssError
        If there is none.
    """
    if name in COHORTS:
        return COHORTS[name]
    if name not in domains():
        names = ", ".join([*COHORTS, *domains()])
        raise McwssError(f"there is no cohort '{name}': choose one of {names}")
    folder = data_folder() / "domains" / name
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    return Cohort(
        lambda _folder: (folder / "images", str(folder / "labels")),
        None,
        {label: (int(value),) for value, label in about["classes"].items()},
        ANY_CLASS,
        group=GROUPS.get(name, "(.*)"),
    )


def make_bench(cohort: Cohort, folder: Path) -> Bench:
    """Make a study of a cohort in an empty folder, and tag it from the masks."""
    scans, masks = cohort.find(folder)
    study = Study.create(
        folder / "study", scans=scans, channels=cohort.channels, classes=tuple(cohort.values)
    )
    files = {scan: study.files(scan)[0] for scan in study.scan_names}
    for name, path in find_masks(masks, files).items():
        mask = read_mask(path, study.scan(name).geometry)
        study.tags.update(name, tags_from_mask(mask, cohort.values))
    return Bench(study, cohort, masks)
