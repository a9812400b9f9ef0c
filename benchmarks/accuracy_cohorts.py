"""The scans that accuracy is measured on, as studies that are tagged from their masks."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.references import read_references
from napari_mcwss.scans.finding import find_masks, find_scans
from napari_mcwss.scans.phantom import (
    PHANTOM_CHANNELS,
    PHANTOM_CLASSES,
    PHANTOM_SIZE,
    write_phantom,
)
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.study.study import Study
from napari_mcwss.tags.importing import tags_from_mask

Result = tuple[Mapping[str, Sequence[Path]], str]
"""Files of each scan, and where the masks are as `find_masks` takes it."""


@dataclass(frozen=True)
class Cohort:
    """Scans to learn from and to measure on.

    Attributes
    ----------
    find : callable
        Gives the scans' files; may write scans to the folder that it is given.
    channels : tuple of str
        Their names.
    values : mapping
        Class to its values in the masks.
    union : str
        Name of all classes together.
    tested : int, optional
        So many scans, the last by name, are tested on in a single fold; else
        each scan in turn.
    """

    find: Callable[[Path], Result]
    channels: tuple[str, ...]
    values: Mapping[str, Sequence[int]]
    union: str
    tested: int | None = None

    def folds(self, scans: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the scans to be tested on by the name of their fold."""
        if self.tested is None:
            return {scan: (scan,) for scan in scans}
        return {"test": tuple(sorted(scans)[-self.tested :])}


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


COHORTS = {
    "glioma": Cohort(_gliomas, ("t1c", "flair"), {"TC": (1, 4), "ED": (2,)}, "WT"),
    "hippocampus": Cohort(_hippocampi, ("t1",), {"ANT": (1,), "POST": (2,)}, "ALL", tested=20),
    "phantom": Cohort(_phantoms(PHANTOM_SIZE), PHANTOM_CHANNELS, PHANTOM_CLASSES, "WT", tested=2),
    "quick": Cohort(_phantoms((9, 41, 36)), PHANTOM_CHANNELS, PHANTOM_CLASSES, "WT", tested=2),
}


def make_bench(cohort: Cohort, folder: Path) -> Bench:
    """Make a study of a cohort in an empty folder, and tag it from the masks."""
    files, masks = cohort.find(folder)
    study = Study.create(
        folder / "study", scans=files, channels=cohort.channels, classes=tuple(cohort.values)
    )
    for name, path in find_masks(masks, {scan: paths[0] for scan, paths in files.items()}).items():
        mask = read_mask(path, study.scan(name).geometry)
        study.tags.update(name, tags_from_mask(mask, cohort.values))
    return Bench(study, cohort, masks)
