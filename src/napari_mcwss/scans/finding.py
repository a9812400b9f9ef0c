"""Finding scans among a user's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.names import valid_names
from napari_mcwss.base.text import names_text
from napari_mcwss.scans.file_names import (
    ambiguous,
    best_match,
    images_in,
    is_mask,
    numbered_masks,
    prefix_of,
)
from napari_mcwss.scans.formats.registry import format_of, formats_text, stem_of
from napari_mcwss.scans.formats.slices import slices_in
from napari_mcwss.scans.layouts import (
    MASK_FOLDER,
    bids_scans,
    image_folders,
    images_beside,
    listed_channels,
    numbered_channels,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def find_scans(folder: Path, channels: Sequence[str]) -> dict[str, list[Path]]:
    """Find the scans in a folder: one in each sub-folder, or else by their file names.

    The file of a channel has the channel's name as its stem, or at the end of its stem after
    one of ``_ - .`` or a space, in any case: ``t1`` is never ``scan_t1ce``. If several files
    match, the one named after its scan (``scan_t1``) is taken, else the shortest name. A
    sub-folder with a single file of another name is a scan whose file holds all channels. In
    a folder of files, the scan's name comes before the channel's; if no file is named after a
    channel, each file is a scan. A folder with a DICOM series counts as a file.

    Data sets that are laid out as nnU-Net, the Medical Segmentation Decathlon, AMOS or BIDS have
    it are recognised, and so are folders of masks, which hold no scans. The channels of nnU-Net
    have the names in its ``dataset.json`` or their numbers; without such names, as many channels
    of any name are taken in the order of their numbers.

    A name of a folder or file that cannot be that of a scan is made into one by `valid_names`.

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
        If the folder holds no scan but masks, a scan lacks a channel, or two files match the same
        channel equally well.
    """
    if not folder.is_dir():
        raise McwssError(f"'{folder}' is not a folder: name the folder that holds the scans")
    if beside := images_beside(folder):
        raise McwssError(
            f"'{folder}' holds masks of the images in '{beside.name}' beside it: choose "
            f"'{beside.parent}', whose masks are then found, or '{beside.name}'"
        )
    if scans := _scans_of_data_set(folder, channels):
        return _validly_named(scans)
    scans = {sub.name: files for sub in scan_folders(folder) if (files := _scan_in(sub, channels))}
    images = [folder] if format_of(folder) else images_in(folder)
    scans = scans or _scans_among(images, folder.name, channels)
    if not scans:
        hint = "; if pictures in a folder are slices of one scan, say so (--stacks)"
        raise McwssError(
            f"no scans in '{folder}': expected sub-folders with files named after the channels "
            f"({', '.join(channels)}), or files of their own ({formats_text()})"
            + (hint if find_stacks(folder) else "")
        )
    return _validly_named(scans)


def find_stacks(folder: Path) -> dict[str, list[Path]]:
    """Find folders of pictures that are the slices of one scan each.

    Parameters
    ----------
    folder : Path
        A folder with a sub-folder for each scan, or the folder of the only scan.

    Returns
    -------
    dict of str to list of Path
        The folder of each scan by its name; empty if there is none.
    """
    if not folder.is_dir():
        raise McwssError(f"'{folder}' is not a folder: name the folder that holds the scans")
    subs = [sub for sub in scan_folders(folder) if len(slices_in(sub)) > 1]
    if not subs and len(slices_in(folder)) > 1:
        subs = [folder]
    return _validly_named({sub.name: [sub] for sub in subs})


def find_chosen(folder: Path, channels: Sequence[str], *, stacks: bool) -> dict[str, list[Path]]:
    """Find the scans in a folder as `find_scans` does, or as `find_stacks` if the user says so.

    Raises
    ------
    McwssError
        If there is none.
    """
    if not stacks:
        return find_scans(folder, channels)
    found = find_stacks(folder)
    if not found:
        raise McwssError(
            f"no folder of slices in '{folder}': expected two pictures or more in a sub-folder for "
            "each scan, or in the folder of the only one"
        )
    return found


def scan_folders(folder: Path) -> list[Path]:
    """List the sub-folders that may be scans, without hidden ones and those of masks."""
    return [
        sub
        for sub in sorted(folder.iterdir())
        if sub.is_dir() and not sub.name.startswith(".") and format_of(sub) is None
        if not MASK_FOLDER.fullmatch(sub.name)
    ]


def _scans_of_data_set(folder: Path, channels: Sequence[str]) -> dict[str, list[Path]]:
    """Find the scans of a data set, as `layouts` describes them; none in any other folder."""
    if scans := bids_scans(folder):
        return {scan: _channel_files(scan, files, channels) for scan, files in scans.items()}
    found: dict[str, list[Path]] = {}
    for part in image_folders(folder):
        numbered = numbered_channels(part)
        more = {
            scan: _channel_files(scan, list(files.values()), _numbers(part, files, channels))
            for scan, files in numbered.items()
        }
        more = more or _scans_among(images_in(part), part.name, channels)
        if twice := sorted(found.keys() & more.keys()):
            raise ambiguous(twice[0], found[twice[0]][0], more[twice[0]][0])
        found |= more
    return found


def _numbers(images: Path, files: Mapping[str, Path], channels: Sequence[str]) -> Sequence[str]:
    """Return the numbers that stand for channels in the names of nnU-Net's files."""
    listed = {name.lower(): f"{n:04d}" for n, name in enumerate(listed_channels(images))}
    if any(name in files for name in channels):
        return channels
    if not listed and len(channels) == len(files):
        return sorted(files)
    return [listed.get(name.lower(), name) for name in channels]


def _scan_in(folder: Path, channels: Sequence[str]) -> list[Path]:
    """Return the files of the scan in a sub-folder; none if it holds no scan."""
    images = images_in(folder)
    if any(prefix_of(path, channel) is not None for path in images for channel in channels):
        return _channel_files(folder.name, images, channels)
    images = [path for path in images if not is_mask(path)]
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
    return _validly_named(_scans_among(images, folder_name, channels))


def _validly_named(scans: dict[str, list[Path]]) -> dict[str, list[Path]]:
    names = valid_names([*scans])
    return {names[scan]: files for scan, files in scans.items()}


def _scans_among(
    images: Sequence[Path], folder_name: str, channels: Sequence[str]
) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for path in images:
        prefixes = {prefix_of(path, channel) for channel in channels} - {None}
        for prefix in prefixes:
            groups.setdefault(prefix or folder_name, []).append(path)
    if groups:
        return {scan: _channel_files(scan, files, channels) for scan, files in groups.items()}
    scans: dict[str, list[Path]] = {}
    masks = numbered_masks(images)
    for path in images:
        if is_mask(path) or path in masks:
            continue
        if stem_of(path) in scans:
            raise ambiguous(stem_of(path), path, scans[stem_of(path)][0])
        scans[stem_of(path)] = [path]
    return scans


def _channel_files(scan: str, images: Sequence[Path], channels: Sequence[str]) -> list[Path]:
    chosen: dict[str, Path] = {}
    # The longest name first: of the channels `c` and `t1_c`, `scan_t1_c` is the latter.
    for channel in sorted(channels, key=len, reverse=True):
        free = [path for path in images if path not in chosen.values()]
        best = best_match(free, channel, scan)
        if best is None:
            raise McwssError(
                f"scan {scan} has no channel {channel}: expected a file named {channel}, found "
                f"{names_text([path.name for path in images])}: add the file or name other channels"
            )
        chosen[channel] = best
    return [chosen[channel] for channel in channels]
