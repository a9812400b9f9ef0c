"""Finding masks among a user's files."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_text
from napari_mcwss.scans.file_names import (
    MASK_NAMES,
    SEPARATORS,
    ambiguous,
    best_match,
    images_in,
    name_in_files,
    number_of,
    numbered_masks,
    prefix_of,
)
from napari_mcwss.scans.formats.dicom_masks import SUFFIX, is_dicom_mask
from napari_mcwss.scans.formats.registry import format_of, stem_of
from napari_mcwss.scans.layouts import (
    MASK_FOLDER,
    bids_masks,
    bids_root,
    image_folders,
    label_folder,
    masks_for,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


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
            raise ambiguous(f"the mask of {scan}", *own[:2])
        for folder, names in self._places(scan):
            # A folder with a mask for each class, where there is no file.
            for listed in (self._images_in(folder), self._folders_in(folder)):
                best = (best_match(listed, name, named) for name in names)
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
        # 3D Slicer calls them anna.seg.nrrd.
        ends = [f"{separator}{name}" for separator in "_." for name in MASK_NAMES]
        names = [*called, *(f"{one}{end}" for one in called for end in ends)]
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
