"""Finding scans and masks among a user's files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_text
from napari_mcwss.scans.formats.registry import format_of, formats_text, stem_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

MASK_NAMES = ("seg", "mask", "label", "labels", "segmentation")
"""Stems, or ends of stems, of mask files."""

_SEPARATORS = "_-. "


def find_scans(folder: Path, channels: Sequence[str]) -> dict[str, list[Path]]:
    """Find the scans in a folder: one in each sub-folder, or else by their file names.

    The file of a channel has the channel's name as its stem, or at the end of its stem after
    one of ``_ - .`` or a space, in any case: ``t1`` is never ``scan_t1ce``. If several files
    match, the one named after its scan (``scan_t1``) is taken, else the shortest name. A
    sub-folder with a single file of another name is a scan whose file holds all channels. In
    a folder of files, the scan's name comes before the channel's; if no file is named after a
    channel, each file is a scan. A folder with a DICOM series counts as a file.

    Parameters
    ----------
    folder : Path
        Where to look.
    channels : sequence of str
        Names of the channels.

    Returns
    -------
    dict of str to list of Path
        Files of each scan by its name: one for each channel in the order of
        `channels`, or one that holds them all.

    Raises
    ------
    McwssError
        If the folder holds no scan, a scan lacks a channel, or two files match the same
        channel equally well.
    """
    if not folder.is_dir():
        raise McwssError(f"'{folder}' is not a folder: name the folder that holds the scans")
    scans = {
        sub.name: files
        for sub in sorted(folder.iterdir())
        if sub.is_dir() and not sub.name.startswith(".") and format_of(sub) is None
        if (files := _scan_in(sub, channels))
    }
    images = [folder] if format_of(folder) else images_in(folder)
    scans = scans or scans_among(images, folder.name, channels)
    if not scans:
        raise McwssError(
            f"no scans in '{folder}': expected sub-folders with files named after the channels "
            f"({', '.join(channels)}), or files of their own ({formats_text()})"
        )
    return scans


def find_masks(
    masks: str,
    files: Mapping[str, Path],
    *,
    only: Collection[str] | None = None,
    partial: bool = False,
) -> dict[str, Path]:
    """Find the mask of each scan.

    Parameters
    ----------
    masks : str
        A folder of masks with the scans' names; or the name of the masks beside the scans'
        own files, where they are found as channels are.
    files : mapping of str to Path
        Any file of each scan, for all scans of a study: scans may share a folder.
    only : collection of str, optional
        Scans whose masks are wanted; by default all.
    partial : bool
        Leave out scans without a mask, as long as one scan has a mask.

    Returns
    -------
    dict of str to Path
        The mask of each scan by its name.

    Raises
    ------
    McwssError
        If a scan has no mask or does not exist, or two files match equally well.
    """
    given = Path(masks)
    folders = {scan: given if given.is_dir() else file.parent for scan, file in files.items()}
    scans_in = Counter(folders.values())
    if only is not None:
        if strange := [scan for scan in only if scan not in files]:
            raise McwssError(
                f"no scan {strange[0]!r} in this study: expected {names_text(list(files))}"
            )
        folders = {scan: folders[scan] for scan in only}
    images = {folder: images_in(folder) for folder in set(folders.values())}
    found: dict[str, Path] = {}
    missing: list[McwssError] = []
    for scan, folder in folders.items():
        if given.is_dir():
            names = [scan, *(f"{scan}_{name}" for name in MASK_NAMES)]
        # In a folder of several scans, the mask must be named after its scan.
        elif scans_in[folder] > 1:
            names = [f"{scan}{separator}{masks}" for separator in _SEPARATORS]
        else:
            names = [masks]
        best = (_best(images[folder], name, scan) for name in names)
        mask = next((path for path in best if path is not None), None)
        if mask is not None:
            found[scan] = mask
            continue
        missing.append(
            McwssError(
                f"scan {scan}: no mask in '{folder}': expected a file named {names[0]}, found "
                f"{names_text([path.name for path in images[folder]])}"
            )
        )
    if missing and partial and not found:
        raise McwssError(f"no scan has such a mask; for example, {missing[0]}")
    if missing and not partial:
        raise missing[0]
    return found


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
    names = {stem[max(map(stem.rfind, _SEPARATORS)) + 1 :] or stem for stem in stems}
    return sorted(name for name in names if name.lower() not in MASK_NAMES)


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


def _scan_in(folder: Path, channels: Sequence[str]) -> list[Path]:
    """Return the files of the scan in a sub-folder; none if it holds no scan."""
    images = images_in(folder)
    if any(_prefix(path, channel) is not None for path in images for channel in channels):
        return _channel_files(folder.name, images, channels)
    images = [path for path in images if not _is_mask(path)]
    return images if len(images) == 1 else []


def scans_among(
    images: Sequence[Path], folder_name: str, channels: Sequence[str]
) -> dict[str, list[Path]]:
    """Group files into scans, as `find_scans` does with a folder of files.

    Parameters
    ----------
    images : sequence of Path
        The files.
    folder_name : str
        Name of a scan whose files are named after channels alone.
    channels : sequence of str
        Names of the channels.

    Returns
    -------
    dict of str to list of Path
        Files of each scan by its name.

    Raises
    ------
    McwssError
        If a scan lacks a channel, or two files match the same channel equally well.
    """
    groups: dict[str, list[Path]] = {}
    for path in images:
        prefixes = {_prefix(path, channel) for channel in channels} - {None}
        for prefix in prefixes:
            groups.setdefault(prefix or folder_name, []).append(path)
    if groups:
        return {scan: _channel_files(scan, files, channels) for scan, files in groups.items()}
    scans: dict[str, list[Path]] = {}
    for path in images:
        if _is_mask(path):
            continue
        if stem_of(path) in scans:
            raise _ambiguous(stem_of(path), path, scans[stem_of(path)][0])
        scans[stem_of(path)] = [path]
    return scans


def _channel_files(scan: str, images: Sequence[Path], channels: Sequence[str]) -> list[Path]:
    chosen: dict[str, Path] = {}
    # The longest name first: of the channels `c` and `t1_c`, `scan_t1_c` is the latter.
    for channel in sorted(channels, key=len, reverse=True):
        free = [path for path in images if path not in chosen.values()]
        best = _best(free, channel, scan)
        if best is None:
            raise McwssError(
                f"scan {scan} has no channel {channel}: expected a file named {channel}, found "
                f"{names_text([path.name for path in images])}: add the file or name other channels"
            )
        chosen[channel] = best
    return [chosen[channel] for channel in channels]


def _best(images: Sequence[Path], name: str, scan: str) -> Path | None:
    """Return the best match: the name itself, the name after its scan, or the shortest stem."""

    def distance(path: Path) -> tuple[bool, bool, int]:
        prefix = _prefix(path, name)
        return (prefix != "", prefix != scan, len(stem_of(path)))

    ranked = sorted((p for p in images if _prefix(p, name) is not None), key=distance)
    if len(ranked) > 1 and distance(ranked[0]) == distance(ranked[1]):
        raise _ambiguous(name, *ranked[:2])
    return ranked[0] if ranked else None


def _prefix(path: Path, name: str) -> str | None:
    """Return what comes before a name in a file's stem, None if the stem does not end in it."""
    stem = stem_of(path)
    if stem.lower() == name.lower():
        return ""
    before = stem[: -len(name)]
    ends_so = stem.lower().endswith(name.lower()) and before[-1] in _SEPARATORS
    return before[:-1] if ends_so else None


def _is_mask(path: Path) -> bool:
    return any(_prefix(path, name) is not None for name in MASK_NAMES)


def _ambiguous(name: str, first: Path, second: Path) -> McwssError:
    return McwssError(
        f"'{first}' and '{second.name}' could both be {name}: rename one or move it away"
    )
