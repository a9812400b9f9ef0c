"""Folders of whole data sets: images and labels side by side, and BIDS.

nnU-Net, the Medical Segmentation Decathlon and AMOS have images in ``imagesTr``, ``imagesVa`` and
``imagesTs``, and masks of the same names in ``labelsTr`` and so on; nnU-Net adds the number of the
channel to the images' names. BIDS, which ISLES uses, has ``sub-*/ses-*/anat/*_T1w.nii.gz``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from napari_mcwss.base.reading import file_bytes
from napari_mcwss.scans.file_names import MASK_NAMES, SEPARATORS, images_in, prefix_of
from napari_mcwss.scans.formats.registry import format_named, stem_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SETS = "tr|ts|va|val"

_KINDS = ("labels", "masks", "label", "mask", "gt", "annotations", "segmentations")

MASK_FOLDER = re.compile(rf"(labels|masks)({_SETS})?|{'|'.join(_KINDS)}", re.IGNORECASE)
"""Names of folders of masks."""

_IMAGES = re.compile(rf"images({_SETS})?|image|imgs?", re.IGNORECASE)

_NUMBERED = re.compile(r"(.+)_(\d{4})")

_BIDS_MASKS = (*MASK_NAMES, "msk", "dseg", "roi")

_BIDS_OTHERS = {"func", "fmap", "perf", "derivatives"}
"""Folders of images over time, of auxiliary images, and of what others made of the images."""


def image_folders(folder: Path) -> list[Path]:
    """List the folders of images of a data set, of which the folder given may be one.

    ``images``, ``image`` and ``imgs`` count only beside a folder of masks, ``imagesTr`` and the
    like always. Empty for any other folder.
    """
    if _set_of(folder):
        return [folder]
    return [
        sub
        for sub in _folders_in(folder)
        if _IMAGES.fullmatch(sub.name) and (_set_of(sub) or label_folder(sub)) and images_in(sub)
    ]


def label_folder(images: Path) -> Path | None:
    """Return the folder of masks beside a folder of images, such as ``labelsTr``; None if none."""
    if not _IMAGES.fullmatch(images.name):
        return None
    names = {f"{kind}{_set_of(images)}" for kind in _KINDS}
    beside = _folders_in(images.parent)
    return next((sub for sub in beside if sub.name.lower() in names and images_in(sub)), None)


def images_beside(masks: Path) -> Path | None:
    """Return the folder of images of which a folder has the masks; None for any other folder."""
    if not MASK_FOLDER.fullmatch(masks.name):
        return None
    beside = (sub for sub in _folders_in(masks.parent) if _IMAGES.fullmatch(sub.name))
    return next((sub for sub in beside if label_folder(sub) == masks), None)


def numbered_channels(folder: Path) -> dict[str, dict[str, Path]]:
    """Group the images of nnU-Net by scan, and then by the number of the channel.

    Parameters
    ----------
    folder : Path
        One of `image_folders`.

    Returns
    -------
    dict of str to dict of str to Path
        Empty unless each name ends in four digits, each scan has a channel ``0000``, and no mask
        has the name of an image.
    """
    scans: dict[str, dict[str, Path]] = {}
    images, labels = images_in(folder), label_folder(folder)
    named = {stem_of(path) for path in images_in(labels)} if labels else set()
    for path in images:
        match = _NUMBERED.fullmatch(stem_of(path))
        if match is None or stem_of(path) in named:
            return {}
        scans.setdefault(match[1], {})[match[2]] = path
    return scans if all("0000" in files for files in scans.values()) else {}


def listed_channels(images: Path) -> list[str]:
    """Read the names of channels from the ``dataset.json`` of a data set, in their order.

    Returns
    -------
    list of str
        Empty if there is no such file, it lists none, or two have the same name.
    """
    for folder in (images, images.parent):
        try:
            listed = json.loads(file_bytes(folder / "dataset.json"))
            named = listed.get("channel_names") or listed.get("modality") or {}
            names = [str(named[str(n)]).strip() for n in range(len(named))]
        except (OSError, ValueError, RecursionError, AttributeError, TypeError, KeyError):
            continue
        usable = all(name and "," not in name for name in names)
        return names if usable and len({name.lower() for name in names}) == len(names) else []
    return []


def bids_scans(folder: Path) -> dict[str, list[Path]]:
    """Group the images of a BIDS data set by subject and session, without masks.

    Parameters
    ----------
    folder : Path
        The data set, its ``rawdata``, or one subject.

    Returns
    -------
    dict of str to list of Path
        Images of ``sub-1_ses-1``, or of ``sub-1`` if it has no sessions. Derivatives, and images
        over time or of diffusion directions, are left out. Empty if the images are not in folders
        of the subjects' folders.
    """
    scans: dict[str, list[Path]] = {}
    for subject in _subjects(folder):
        for path in _files_of(subject):
            inner = path.relative_to(subject).parts[:-1]
            directions = path.with_name(f"{stem_of(path)}.bval").exists()
            if not inner or _BIDS_OTHERS.intersection(inner) or directions or is_bids_mask(path):
                continue
            sessions = [part for part in inner if part.startswith("ses-")]
            scans.setdefault("_".join([subject.name, *sessions[:1]]), []).append(path)
    return scans


def bids_masks(folder: Path, subject: str = "") -> list[Path]:
    """List the masks of a BIDS data set, or of one subject: by the images, and in derivatives."""
    subjects = _subjects(folder)
    if not subjects:
        return []
    made = {root / "derivatives" for root in (folder, *subjects[0].parents[:2])}
    # Derivatives have a folder of subjects for each program, or subjects alone.
    places = [path for root in made for path in (root, *_folders_in(root))]
    subjects += [sub for place in places for sub in _folders_in(place) if _is_subject(sub)]
    wanted = [sub for sub in subjects if subject in ("", sub.name)]
    return sorted(path for sub in wanted for path in _files_of(sub) if is_bids_mask(path))


def bids_root(file: Path) -> Path | None:
    """Return the BIDS data set of an image, if the masks of its subject are known there."""
    subject = next((parent for parent in file.parents if _is_subject(parent)), None)
    known = subject is not None and bids_masks(subject.parent, subject.name)
    return subject.parent if subject is not None and known else None


def is_bids_mask(path: Path) -> bool:
    """Tell whether a file's name ends as that of a mask, such as ``_dseg`` or ``lesion_mask``."""
    return any(prefix_of(path, name) is not None for name in _BIDS_MASKS)


def masks_for(scan: str, masks: Sequence[Path]) -> list[Path]:
    """Choose from `bids_masks` those of a scan, whose names begin with the scan's."""
    return [path for path in masks if path.name.startswith(tuple(f"{scan}{s}" for s in SEPARATORS))]


def _set_of(images: Path) -> str:
    """Return which part of a data set a folder of images holds: tr, ts or va; else nothing."""
    match = _IMAGES.fullmatch(images.name)
    return (match[1] or "").lower() if match else ""


def _subjects(folder: Path) -> list[Path]:
    roots = [folder, folder / "rawdata", folder / "raw_data"]
    if _is_subject(folder):
        return [folder]
    return [sub for root in roots for sub in _folders_in(root) if _is_subject(sub)]


def _is_subject(folder: Path) -> bool:
    return folder.name.startswith("sub-")


def _files_of(subject: Path) -> Iterator[Path]:
    for path in sorted(subject.rglob(f"{subject.name}_*")):
        kind = format_named(path)
        if kind is not None and kind.spatial and path.is_file():
            yield path


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(sub for sub in folder.iterdir() if sub.is_dir())
    except OSError:
        return []
