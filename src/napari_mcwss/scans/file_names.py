"""What the names of files say: of which scan, channel or mask they are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.names import valid_name
from napari_mcwss.scans.formats.registry import format_of, stem_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MASK_NAMES = ("seg", "mask", "label", "labels", "segmentation")
"""Stems, or ends of stems, of mask files."""

SEPARATORS = "_-. "
"""What lies between the parts of a stem."""


def images_in(folder: Path) -> list[Path]:
    """List the files and DICOM series in a folder that can be read, without hidden ones.

    Parameters
    ----------
    folder : Path
        Where to look; other sub-folders are not searched.

    Returns
    -------
    list of Path
        In alphabetical order.

    Raises
    ------
    McwssError
        If the folder cannot be listed.
    """
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if not path.name.startswith(".") and path.exists() and format_of(path)
        )
    except OSError as error:
        raise McwssError(f"cannot look into '{folder}': {error.strerror}") from error


def guess_channels(files: Iterable[Path]) -> list[str]:
    """Guess channel names from one scan's files: the last parts of their stems.

    Parameters
    ----------
    files : iterable of Path
        Files of one scan; masks (`MASK_NAMES`) are left out.

    Returns
    -------
    list of str
        Names in alphabetical order.
    """
    stems = [stem_of(path) for path in files if format_of(path)]
    names = {stem[max(map(stem.rfind, SEPARATORS)) + 1 :] or stem for stem in stems}
    return sorted(name for name in names if name.lower() not in MASK_NAMES)


def prefix_of(path: Path, name: str) -> str | None:
    """Return what comes before a name in a file's stem, None if the stem does not end in it."""
    stem = stem_of(path)
    if stem.lower() == name.lower():
        return ""
    before = stem[: -len(name)]
    ends_so = stem.lower().endswith(name.lower()) and before[-1] in SEPARATORS
    return before[:-1] if ends_so else None


def is_mask(path: Path) -> bool:
    """Tell whether a file's stem is or ends in one of `MASK_NAMES`."""
    return any(prefix_of(path, name) is not None for name in MASK_NAMES)


def numbered_masks(images: Sequence[Path]) -> set[Path]:
    """Find masks whose number comes last, as ``segmentation-0`` beside ``volume-0``.

    A file counts only if exactly one other file of the folder has its number.
    """
    numbers = {path: number_of(stem_of(path)) for path in images}
    shared = Counter(number for number in numbers.values() if number)
    masks = {
        path
        for path, number in numbers.items()
        if shared[number] == 2 and stem_of(path)[: -len(number) - 1].lower() in MASK_NAMES
    }
    alone = Counter(numbers[path] for path in masks)
    return {path for path in masks if alone[numbers[path]] == 1}


def number_of(stem: str) -> str:
    """Return the digits at the end of a stem, after one of `SEPARATORS`; empty if none are."""
    number = stem[max(map(stem.rfind, SEPARATORS)) + 1 :]
    return number if number.isdecimal() and number != stem else ""


def name_in_files(scan: str, file: Path) -> str:
    """Return the name of a scan as its folder or file has it, where that is no valid name.

    Parameters
    ----------
    scan : str
        The name in the study, such as `valid_names` makes it.
    file : Path
        Any file of the scan.

    Returns
    -------
    str
        The name of the file's folder, its stem or a start of its stem; by default `scan`.
    """
    stem = stem_of(file)
    starts = [stem[:end] for end, sign in enumerate(stem) if sign in SEPARATORS]
    names = [file.parent.name, stem, *reversed(starts)]
    last = number_of(scan)
    numbers = [1, int(last)] if last else [1]
    made_of = (
        name
        for number in numbers
        for name in names
        if valid_name(name) != name and valid_name(name, number) == scan
    )
    return scan if scan in names else next(made_of, scan)


def best_match(images: Sequence[Path], name: str, scan: str) -> Path | None:
    """Return the file that a name fits best: of this stem, named after its scan, or the shortest.

    Raises
    ------
    McwssError
        If two files fit equally well.
    """

    def distance(path: Path) -> tuple[bool, bool, int]:
        prefix = prefix_of(path, name)
        return (prefix != "", prefix != scan, len(stem_of(path)))

    ranked = sorted((p for p in images if prefix_of(p, name) is not None), key=distance)
    if len(ranked) > 1 and distance(ranked[0]) == distance(ranked[1]):
        raise ambiguous(name, *ranked[:2])
    return ranked[0] if ranked else None


def ambiguous(name: str, first: Path, second: Path) -> McwssError:
    """Return the error for two files that could both be what a name stands for."""
    return McwssError(
        f"'{first}' and '{second.name}' could both be {name}: rename one or move it away"
    )
