"""Finding a study's scans and masks among a user's files."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from napari_mcwss.errors import McwssError
from napari_mcwss.scans.formats import SUFFIXES, stem_of, suffix_of

SEPARATORS = "_-. "


def find_scans(folder: Path, channels: Sequence[str]) -> dict[str, list[Path]]:
    """Find scans: a sub-folder each, or, in a folder of files, a file each.

    In a sub-folder a channel is the file whose stem is the channel's name, or
    ends in it after a separator: ``t1`` is never ``scan_t1ce``. A sub-folder
    without any channel is no scan and left out.

    Parameters
    ----------
    folder : Path
        Where to look.
    channels : sequence of str
        Names of the channels.

    Returns
    -------
    dict
        Name of each scan to its files: one a channel in their order, or one
        that holds them all.

    Raises
    ------
    McwssError
        If the folder holds no scan, or a scan lacks a channel.
    """
    if not folder.is_dir():
        raise McwssError(f"{folder} is no folder: name the folder that holds the scans")
    scans: dict[str, list[Path]] = {}
    for sub in sorted(path for path in folder.iterdir() if path.is_dir()):
        images = images_in(sub)
        found = {name: _best(images, name) for name in channels}
        if not any(found.values()):
            continue
        missing = [name for name, path in found.items() if path is None]
        if missing:
            raise McwssError(
                f"scan {sub.name} has no channel {', '.join(missing)}, found "
                f"{', '.join(path.name for path in images)}: add the file or name other channels"
            )
        scans[sub.name] = [path for path in found.values() if path is not None]
    if not scans:
        scans = {stem_of(path): [path] for path in images_in(folder)}
    if not scans:
        raise McwssError(
            f"no scans in {folder}: expected sub-folders with files named "
            f"{', '.join(channels)}, or files {', '.join(SUFFIXES)}"
        )
    return scans


def find_masks(masks: str, files: Mapping[str, Path]) -> dict[str, Path]:
    """Find the mask of each scan.

    Parameters
    ----------
    masks : str
        A folder of files with the scans' names, or the name of the mask among
        each scan's own files, as a channel's.
    files : mapping
        Name of each scan to any of its files.

    Raises
    ------
    McwssError
        If a scan has no mask.
    """
    folder = Path(masks)
    found: dict[str, Path] = {}
    for scan, file in files.items():
        mask = _best(images_in(folder), scan) if folder.is_dir() else None
        mask = mask or (None if folder.is_dir() else _best(images_in(file.parent), masks))
        if mask is None:
            where = folder if folder.is_dir() else file.parent
            raise McwssError(
                f"no mask of scan {scan} in {where}: expected a file named "
                f"{scan if folder.is_dir() else masks}"
            )
        found[scan] = mask
    return found


def guess_channels(files: Iterable[Path]) -> list[str]:
    """Guess channel names from one scan's files: what their stems do not share.

    Masks (``seg``, ``mask``, ``label``) are left out.

    Parameters
    ----------
    files : iterable of Path
        Of one scan.

    Returns
    -------
    list of str
        Names in alphabetical order, empty where nothing can be read from names.
    """
    stems = sorted(stem_of(path) for path in files if suffix_of(path))
    names = {_last_part(stem) for stem in stems}
    return sorted(name for name in names if name.lower() not in MASK_NAMES)


MASK_NAMES = ("seg", "mask", "label", "labels", "segmentation")
"""Stems, or ends of stems, by which masks are usually known."""


def images_in(folder: Path) -> list[Path]:
    """List a folder's images, hidden files left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and suffix_of(path) and not path.name.startswith(".")
    )


def _best(images: Sequence[Path], name: str) -> Path | None:
    """Choose the image of a name: the exact stem, else the shortest that ends in it."""
    wanted = name.lower()
    ends = [
        path
        for path in images
        if (stem := stem_of(path).lower()) == wanted
        or (stem.endswith(wanted) and stem[-len(wanted) - 1] in SEPARATORS)
    ]
    return min(ends, key=lambda path: len(stem_of(path)), default=None)


def _last_part(stem: str) -> str:
    cut = max(stem.rfind(separator) for separator in SEPARATORS)
    return stem[cut + 1 :] or stem
