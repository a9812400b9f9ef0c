"""Which scans of a study are of one patient, and when they were taken, by names and folders."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_BIDS = re.compile(r"(sub-[A-Za-z0-9]+)_(ses-[A-Za-z0-9]+)")
_TIME = re.compile(
    r"(ses|session|visit|scan|exam|baseline|pre|post|fu|follow[-_ ]?up|tp?|v|day|week|month|year)"
    r"[-_. ]?\d*",
    re.IGNORECASE,
)
"""Names of folders that tell one time of a patient from others."""

_SEPARATORS = "_-. "


@dataclass(frozen=True)
class Timepoint:
    """A scan of a patient; `day` is known if its name, or that of its folder, holds a date."""

    scan: str
    label: str
    day: date | None = None


def follow_ups(files: Mapping[str, Sequence[Path]]) -> dict[str, tuple[Timepoint, ...]]:
    """Find the patients with several scans.

    A patient is the same in BIDS (``sub-1_ses-2``), in names that differ by a date only
    (``anna_2021-03-04``), and in a folder with a folder for each time: a date, or a word such as
    ``baseline`` or ``visit2`` (``anna/visit2/t1.nii.gz``).

    Parameters
    ----------
    files : mapping of str to sequence of Path
        Name of each scan to its files.

    Returns
    -------
    dict of str to tuple of Timepoint
        Scans by patient, in the order of time where all have dates, else of their labels. Each scan
        is listed once, patients with a single scan not at all.

    Examples
    --------
    >>> found = follow_ups({"anna_20210304": [], "anna_20210901": [], "bert_20210304": []})
    >>> [point.day.isoformat() for point in found["anna"]]
    ['2021-03-04', '2021-09-01']
    """
    patients: dict[str, list[Timepoint]] = defaultdict(list)
    for scan, paths in files.items():
        patient, point = _of_name(scan)
        if not patient and paths:
            folder = paths[0].parent
            day = _day(folder.name)
            if day or _TIME.fullmatch(folder.name):
                patient, point = str(folder.parent), Timepoint(scan, folder.name, day)
        if patient:
            patients[patient].append(point)
    several = {patient: points for patient, points in patients.items() if len(points) > 1}
    names = Counter(Path(patient).name for patient in several)
    return {
        (name if names[(name := Path(patient).name)] == 1 else patient): _in_order(points)
        for patient, points in several.items()
    }


def _of_name(scan: str) -> tuple[str, Timepoint]:
    """Return patient and time that a name tells; an empty patient if it tells none."""
    if bids := _BIDS.search(scan):
        return bids[1], Timepoint(scan, bids[2], _day(bids[2]))
    if found := _DATE.search(scan):
        before, after = scan[: found.start()].rstrip(_SEPARATORS), scan[found.end() :]
        return f"{before}{after}".strip(_SEPARATORS), Timepoint(scan, found[0], _day(scan))
    return "", Timepoint(scan, scan)


def _day(text: str) -> date | None:
    found = _DATE.search(text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:  # such as 31 February
        return None


def _in_order(points: Sequence[Timepoint]) -> tuple[Timepoint, ...]:
    if all(point.day for point in points):
        return tuple(sorted(points, key=lambda point: (point.day or date.min, point.scan)))

    def natural(point: Timepoint) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", point.label)
        return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]

    return tuple(sorted(points, key=natural))
