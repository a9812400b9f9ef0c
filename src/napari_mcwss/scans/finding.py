"""Finding scans and masks among a user's files."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.names import valid_names
from napari_mcwss.base.text import names_text
from napari_mcwss.scans.file_names import (
    MASK_NAMES,
    SEPARATORS,
    images_in,
    is_mask,
    name_in_files,
    number_of,
    numbered_masks,
    prefix_of,
)
from napari_mcwss.scans.formats.dicom_masks import SUFFIX, is_dicom_mask
from napari_mcwss.scans.formats.registry import format_of, formats_text, stem_of
from napari_mcwss.scans.formats.slices import slices_in
from napari_mcwss.scans.layouts import (
    MASK_FOLDER,
    bids_masks,
    bids_root,
    bids_scans,
    image_folders,
    images_beside,
    label_folder,
    listed_channels,
    masks_for,
    numbered_channels,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


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
        raise McwssError(
            f"no scans in '{folder}': expected sub-folders with files named after the channels "
            f"({', '.join(channels)}), or files of their own ({formats_text()})"
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


def scan_folders(folder: Path) -> list[Path]:
    """List the sub-folders that may be scans, without hidden ones and those of masks."""
    return [
        sub
        for sub in sorted(folder.iterdir())
        if sub.is_dir() and not sub.name.startswith(".") and format_of(sub) is None
        if not MASK_FOLDER.fullmatch(sub.name)
    ]


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
        A folder of masks with the scans' names, as in the study or in their own files, or of a
        data set as `find_scans` recognises it; or the name of the masks beside the scans' own
        files, where they are found as channels are (``segmentations/liver``: in a folder there),
        or of a folder beside the scans' own, such as ``labelsTr``. The mask of ``volume-0`` may be
        called ``segmentation-0``. A mask may be any that `scans.labels.read_labels` reads, such
        as a folder with a file for each class.
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
    if only is not None and (strange := [scan for scan in only if scan not in files]):
        raise McwssError(
            f"no scan {strange[0]!r} in this study: expected {names_text(list(files))}"
        )
    places = _MaskPlaces(masks, files)
    found: dict[str, Path] = {}
    missing: list[McwssError] = []
    for scan in files if only is None else only:
        mask = places.mask(scan)
        if mask is None:
            missing.append(places.missing(scan))
        else:
            found[scan] = mask
    if missing and partial and not found:
        raise McwssError(f"no scan has such a mask; for example, {missing[0]}")
    if missing and not partial:
        raise missing[0]
    return found


def offered_masks(file: Path) -> list[str]:
    """Name the masks that lie where data sets have them, as `find_masks` takes them.

    Parameters
    ----------
    file : Path
        Any file of a scan.

    Returns
    -------
    list of str
        The folder of masks beside the folder of the file, or the BIDS data set of the file; or
        else the names of masks beside the file, of a folder with several masks there, and of the
        masks in it.
    """
    if labels := label_folder(file.parent):
        return [labels.name]
    if root := bids_root(file):
        return [str(root)]
    if not file.parent.is_dir():
        return []
    beside = images_in(file.parent)
    names = [name for name in MASK_NAMES if any(prefix_of(p, name) is not None for p in beside)]
    stems = map(stem_of, numbered_masks(beside))
    names += sorted({stem[: -len(number_of(stem)) - 1] for stem in stems} - {*names})
    subs = [sub for sub in sorted(file.parent.iterdir()) if MASK_FOLDER.fullmatch(sub.name)]
    for sub in subs:
        inside = images_in(sub) if sub.is_dir() and format_of(sub) is None else []
        names += [sub.name] * (len(inside) > 1)
        names += [f"{sub.name}/{stem_of(path)}" for path in inside]
    return names


class _MaskPlaces:
    """Looks for masks as `find_masks` says."""

    def __init__(self, masks: str, files: Mapping[str, Path]) -> None:
        self._masks, self._given, self._files = masks, Path(masks), files
        self._scans_in = Counter(file.parent for file in files.values())
        self._in_files = {scan: name_in_files(scan, file) for scan, file in files.items()}
        self._numbers = Counter(map(number_of, self._in_files.values()))
        self._own = {os.path.realpath(file) for file in files.values()}
        self._listed: dict[Path, list[Path]] = {}
        self._of_bids = bids_masks(self._given) if self._given.is_dir() else []
        parts = image_folders(self._given) if self._given.is_dir() else []
        labels = [label_folder(part) for part in parts]
        self._folders = [folder for folder in labels if folder] or [self._given]

    def mask(self, scan: str) -> Path | None:
        """Return the mask of a scan, if there is one."""
        named = self._in_files[scan]
        own = masks_for(named, self._of_bids)
        if len(own) > 1:
            raise _ambiguous(f"the mask of {scan}", *own[:2])
        for folder, names in self._places(scan):
            # A folder with a mask for each class, where there is no file.
            for listed in (self._images_in(folder), self._folders_in(folder)):
                best = (_best(listed, name, named) for name in names)
                if mask := next((path for path in best if path is not None), None):
                    return mask
        return own[0] if own else None

    def missing(self, scan: str) -> McwssError:
        """Return the error that says where the mask of a scan was expected."""
        folder, names = self._places(scan)[0]
        return McwssError(
            f"scan {scan}: no mask in '{folder}': expected a file named {names[0]}, found "
            f"{names_text([path.name for path in self._images_in(folder)])}"
        )

    def _places(self, scan: str) -> list[tuple[Path, list[str]]]:
        """List folders, and the names that the mask of a scan may have there."""
        # What was exported from the study has the scan's own name.
        called = [*dict.fromkeys((self._in_files[scan], scan))]
        names = [*called, *(f"{one}_{name}" for one in called for name in MASK_NAMES)]
        names += [before for name in MASK_NAMES for before in self._number_last(name, scan)]
        if self._given.is_dir():
            return [(folder, names) for folder in self._folders]
        own = self._files[scan].parent
        name = self._given.name
        # In a folder of several scans, the mask must be named after its scan.
        if self._scans_in[own] > 1:
            beside = [f"{one}{separator}{name}" for one in called for separator in SEPARATORS]
            beside += self._number_last(name, scan)
        else:
            beside = [name, *self._number_last(name, scan)]
        places = [((own / self._given).parent, beside)]
        if (own.parent / self._given).is_dir():
            places.append((own.parent / self._given, names))
        return places

    def _number_last(self, name: str, scan: str) -> list[str]:
        """Put the number of a scan after the name of masks, if no other scan has this number."""
        named = self._in_files[scan]
        number = number_of(named)
        return [f"{name}{named[-len(number) - 1]}{number}"] if self._numbers[number] == 1 else []

    def _images_in(self, folder: Path) -> list[Path]:
        """List a folder, one of masks without scans; none if it is missing beside a scan."""
        if folder not in self._listed:
            there = folder.is_dir() or self._given.name == self._masks
            images = images_in(folder) + _dicom_masks_in(folder) if there else []
            if self._given.is_dir():
                images = [path for path in images if os.path.realpath(path) not in self._own]
            self._listed[folder] = images
        return self._listed[folder]

    def _folders_in(self, folder: Path) -> list[Path]:
        """List the folders in a folder that hold a mask for each class."""
        subs = sorted(sub for sub in folder.iterdir() if sub.is_dir()) if folder.is_dir() else []
        own = {str(Path(path).parent) for path in self._own}
        return [
            sub
            for sub in subs
            if format_of(sub) is None and os.path.realpath(sub) not in own and images_in(sub)
        ]


def _dicom_masks_in(folder: Path) -> list[Path]:
    """List DICOM segmentations and structure sets among the files of a folder."""
    named = sorted(path for path in folder.iterdir() if path.name.lower().endswith(SUFFIX))
    return [path for path in named if is_dicom_mask(path)]


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
            raise _ambiguous(twice[0], found[twice[0]][0], more[twice[0]][0])
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
        prefix = prefix_of(path, name)
        return (prefix != "", prefix != scan, len(stem_of(path)))

    ranked = sorted((p for p in images if prefix_of(p, name) is not None), key=distance)
    if len(ranked) > 1 and distance(ranked[0]) == distance(ranked[1]):
        raise _ambiguous(name, *ranked[:2])
    return ranked[0] if ranked else None


def _ambiguous(name: str, first: Path, second: Path) -> McwssError:
    return McwssError(
        f"'{first}' and '{second.name}' could both be {name}: rename one or move it away"
    )
