"""The channels of scans, where nobody has named them."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.file_names import guess_channels, images_in, is_mask, prefix_of
from napari_mcwss.scans.finding import find_scans, scan_folders, scans_among
from napari_mcwss.scans.formats.registry import format_of
from napari_mcwss.scans.formats.slices import SLICES
from napari_mcwss.scans.layouts import (
    bids_scans,
    image_folders,
    listed_channels,
    numbered_channels,
)
from napari_mcwss.scans.reading import read_header
from napari_mcwss.scans.scan import COLOURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_SINGLE = "image"
"""Name of the only channel."""

_LOOKED_AT = 8
"""Files stored in colours whose pixels are looked at: many that look grey are stored so."""

_MOST_CHANNELS = 20
"""More images than this in a sub-folder are not the channels of one scan."""

_USUAL = re.compile(
    "t1(n|w|c|ce|gd|km|post)?|t2(w|f|star)?|flair|pdw?|dwi|adc|trace|swi|cb[fv]|mtt|tmax|ttp"
    "|ct(res)?|pet|suv",
    re.IGNORECASE,
)
"""What channels are usually called: hardly the names of patients."""


def default_channels(sources: Sequence[Path]) -> list[str]:
    """Name the channels of scans that are about to be searched for.

    Scans of one file each have the channels `COLOURS` if any of them is a coloured picture, and
    ``image`` if none is. Of scans in sub-folders with several files, the channels are the ends of
    the first scan's file names; in BIDS, those that all scans have. Where channels are numbered,
    as in nnU-Net or in one file of several, they have the names in ``dataset.json``, else their
    numbers. Several DICOM series in one folder have their descriptions.

    Parameters
    ----------
    sources : sequence of Path
        Folders of scans as `find_scans` takes them, or files.

    Returns
    -------
    list of str
        Empty if no name can be guessed.

    Raises
    ------
    McwssError
        If a folder or a picture cannot be read, a sub-folder holds many images, or the files of a
        folder look like the channels of one scan.
    """
    if sources[0].is_dir() and (known := _of_data_set(sources[0])):
        return known
    guessed = _from_names(sources)
    if len(guessed) > 1 and sources[0].is_dir():
        return guessed
    if described := _described(sources[0]):
        return described
    return list(COLOURS) if _any_coloured(_single_files(sources)) else guessed


def channels_of(scans: Mapping[str, Sequence[Path]]) -> list[str]:
    """Name the channels of scans whose files are known, one each, as `default_channels` does.

    Raises
    ------
    McwssError
        If a scan has several files, whose channels only their owner can name, or a picture cannot
        be read.
    """
    for name, files in scans.items():
        if len(files) > 1:
            raise McwssError(
                f"scan {name} has {len(files)} files: name their channels in the order of the files"
            )
    files = [file for files in scans.values() for file in files]
    return list(COLOURS) if _any_coloured(files) else [_SINGLE]


def _from_names(sources: Sequence[Path]) -> list[str]:
    first = sources[0]
    if not first.is_dir():
        return guess_channels(sources) if len(sources) > 1 else [_SINGLE]
    subs = scan_folders(first)
    of_a_scan = next((images for sub in subs if (images := images_in(sub))), [])
    if len(of_a_scan) > _MOST_CHANNELS:
        folder = of_a_scan[0].parent
        raise McwssError(
            f"'{folder}' holds {len(of_a_scan)} images: expected those of one scan: if each is a "
            "scan, choose this folder; if each is a slice, say so (--stacks); else name the "
            "channels"
        )
    if of_a_scan:
        return guess_channels(of_a_scan)
    _refuse_channels_in(first)
    return [_SINGLE]


def _refuse_channels_in(folder: Path) -> None:
    """Refuse a folder in which each file would be a scan, but the files are named like channels."""
    files = [path for path in images_in(folder) if not is_mask(path)]
    channels = guess_channels(files)
    if len(channels) < 2 or not all(map(_USUAL.fullmatch, channels)):
        return
    of_scans = Counter(prefix_of(path, name) for path in files for name in channels)
    del of_scans[None]
    if max(of_scans.values()) == 1:
        return  # Each patient has one channel, if not the same one.
    found = (
        f"the files in '{folder}' are named like channels ({', '.join(channels)}), not like scans: "
    )
    if len(of_scans) > 1:
        raise McwssError(f"{found}name the channels, so that the files of a scan are put together")
    raise McwssError(
        f"{found}expected a sub-folder or a file for each scan: choose the folder above it; if "
        f"this is the only scan, name its channels; if each file is a scan, name the channel "
        f"{_SINGLE}"
    )


def _described(source: Path) -> list[str]:
    """Return the names of the channels that the first scan tells itself, such as DICOM series."""
    folders = [path for path in _single_files([source]) if path.is_dir()]
    names = read_header(folders[0]).names if folders else ()
    return list(names) if len(names) > 1 else []


def _of_data_set(folder: Path) -> list[str]:
    """Name the channels of a data set as `layouts` describes it; none for any other folder."""
    if scans := bids_scans(folder):
        guesses = [guess_channels(files) for files in scans.values()]
        return [name for name in guesses[0] if all(name in names for names in guesses)]
    parts = image_folders(folder)
    if not parts:
        return []
    listed = listed_channels(parts[0])
    if scans_of_part := numbered_channels(parts[0]):
        count = len(next(iter(scans_of_part.values())))
    else:
        files = _single_files([folder])
        if not files or _any_coloured(files):
            return list(COLOURS) if files else []
        header = read_header(files[0])
        count = 1 if header.coloured else header.channels
    if len(listed) == count:
        return listed
    return [_SINGLE] if count == 1 else [f"{n:04d}" for n in range(count)]


def _single_files(sources: Sequence[Path]) -> list[Path]:
    """Find the files that are a scan each."""
    found = []
    try:
        for source in sources:
            if source.is_dir():
                scans = find_scans(source, ())
            else:
                scans = scans_among([source], source.stem, ())
            found += [file for files in scans.values() for file in files]
    except McwssError:
        return []  # The search with names says what is wrong.
    return found


def _any_coloured(files: Iterable[Path]) -> bool:
    """Tell whether pictures look coloured: their three channels differ in one of the first."""
    coloured = (
        (kind, path)
        for path in files
        # The headers of other formats take longer to read.
        if (kind := format_of(path) or (SLICES if path.is_dir() else None))
        and not kind.spatial
        and kind.read_header(path).coloured
    )
    return any(
        np.ptp(kind.read_voxels(path, len(COLOURS)), axis=0).any()
        for kind, path in islice(coloured, _LOOKED_AT)
    )
