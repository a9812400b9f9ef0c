"""Masks that a user has corrected by hand: one for each scan, whichever model it began with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.names import check_names
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.strokes.store import read_marks, save_marks
from napari_mcwss.segmentation.strokes.stroke import Mark
from napari_mcwss.segmentation.study_classes import labels_of_study, renumbered
from napari_mcwss.study.study import Study

CORRECTED = "corrected"
"""Folder of corrected masks in a study, and their name in lists of models."""


@dataclass(frozen=True, eq=False)
class CorrectedMask:
    """A mask that was corrected by hand, or is being corrected.

    Attributes
    ----------
    labels : (z, y, x) array of uint8
        0 background, k + 1 class k.
    right : bool
        Whether the user has confirmed the whole mask.
    model : str
        Name of the model whose mask it began with; empty if none.
    marks : tuple of Stroke or ClassBox, optional
        What the user drew to mend it, see `read_strokes`; None leaves those on disk as they are.
    """

    labels: NDArray[np.uint8]
    right: bool = False
    model: str = ""
    marks: tuple[Mark, ...] | None = None


class _Record(BaseModel):
    """The file beside a corrected mask."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    classes: tuple[str, ...]
    right: bool = False
    model: str = ""


def corrected_path(study: Study, scan: str) -> Path:
    """Return the file of a scan's corrected mask, whether it exists or not.

    Raises
    ------
    McwssError
        If the scan's name cannot be a file name.
    """
    check_names("scan", [scan], known=[scan])
    return study.folder / CORRECTED / f"{scan}.nii.gz"


def is_corrected(study: Study, scan: str) -> bool:
    """Tell whether a scan has a corrected mask."""
    return corrected_path(study, scan).is_file()


def save_corrected(study: Study, scan: str, mask: CorrectedMask) -> None:
    """Write a scan's corrected mask, atomically.

    If the write is interrupted, no other mask than the confirmed one is recorded as right. What
    was painted for a class that is now removed stays in the file where nothing else is.

    Parameters
    ----------
    study : Study
        The study to write to.
    scan : str
        Name of the scan.
    mask : CorrectedMask
        The mask, in the shape of the scan.

    Raises
    ------
    McwssError
        If the mask cannot be written, or another program changes the tags of the study now; an
        older mask is then unchanged.
    """
    geometry = study.scan(scan).geometry
    path = corrected_path(study, scan)
    study.make_folder(path.parent)
    with study.tags.lock:
        classes = _classes_in_file(study, path)
        labels = _with_removed_classes(study, path, geometry, mask.labels, classes)
        _write_record(path, _Record(classes=classes, model=mask.model))
        write_volume(path, labels, geometry, dtype=np.uint8)
        if mask.right:
            _write_record(path, _Record(classes=classes, right=True, model=mask.model))
        if mask.marks is not None:
            save_marks(_strokes_path(path), mask.marks)


def read_strokes(study: Study, scan: str) -> tuple[Mark, ...]:
    """Read what the user drew to mend a scan's mask, in this order; classes have today's names.

    Raises
    ------
    McwssError
        If the file is damaged.
    """
    marks = read_marks(_strokes_path(corrected_path(study, scan)))
    current = study.known_classes.current
    return tuple(mark.model_copy(update={"class_name": current(mark.class_name)}) for mark in marks)


def _classes_in_file(study: Study, path: Path) -> tuple[str, ...]:
    """Return all classes in the order of the labels of a file, in which new ones come last.

    So the new record is right for the older mask, too, should the mask not be written.
    """
    names = study.known_classes
    before = names.all_current(_read_record(path, study).classes) if path.is_file() else ()
    return (*before, *(name for name in names.stored if name not in before))


def _with_removed_classes(
    study: Study,
    path: Path,
    geometry: Geometry,
    labels: NDArray[np.uint8],
    classes: Sequence[str],
) -> NDArray[np.uint8]:
    """Give labels the numbers of a file, and keep removed classes of it where they are 0."""
    ours = renumbered(labels, study.class_names, classes)
    removed = [k for k, name in enumerate(classes, 1) if name in study.known_classes.removed]
    if not removed or not path.is_file():
        return ours
    older = read_mask(path, geometry)
    kept: NDArray[np.uint8] = np.where((ours == 0) & np.isin(older, removed), older, ours)
    return kept.astype(np.uint8)


def read_corrected(study: Study, scan: str) -> CorrectedMask | None:
    """Read a scan's corrected mask; None if there is none.

    Raises
    ------
    McwssError
        If the mask is damaged, or was painted for other classes.
    """
    path = corrected_path(study, scan)
    if not path.is_file():
        return None
    record = _read_record(path, study)
    labels = read_mask(path, study.scan(scan).geometry)
    if labels.min() < 0 or labels.max() > np.iinfo(np.uint8).max:
        raise McwssError(
            f"'{path}' has values from {labels.min()} to {labels.max()}, expected 0 to "
            f"{len(study.class_names)}: put a mask of this study in its place, or remove it"
        )
    ours = labels_of_study(study, labels.astype(np.uint8, copy=False), record.classes)
    return CorrectedMask(ours, record.right, record.model)


def right_scans(study: Study) -> list[str]:
    """Return the names of the scans whose corrected masks the user has confirmed.

    Raises
    ------
    McwssError
        If a file is damaged.
    """
    paths = {scan: corrected_path(study, scan) for scan in study.scan_names}
    return [
        scan for scan, path in paths.items() if path.is_file() and _read_record(path, study).right
    ]


def trusted_masks(study: Study, scans: Sequence[str] | None = None) -> dict[str, NDArray[np.uint8]]:
    """Read the corrected masks that the user has confirmed, as labels to train on.

    Parameters
    ----------
    study : Study
        The study with the scans.
    scans : sequence of str, optional
        Names of the scans to include; by default all.

    Returns
    -------
    dict of str to (z, y, x) array of uint8
        Labels by name of the scan.

    Raises
    ------
    McwssError
        If there are none, or a mask is damaged or holds labels of no class.
    """
    found = {}
    for scan in right_scans(study):
        if scans is not None and scan not in scans:
            continue
        mask = read_corrected(study, scan)
        assert mask is not None
        refuse_strange_labels(scan, mask.labels, study.class_names)
        found[scan] = mask.labels
    if not found:
        raise McwssError(
            "no corrected mask is marked as right: correct a scan's mask in the Results dock and "
            "check 'This mask is right', or train without corrected masks"
        )
    return found


def refuse_strange_labels(scan: str, labels: NDArray[np.uint8], classes: Sequence[str]) -> None:
    """Raise a `McwssError` if a mask holds labels of no class."""
    highest = int(labels.max(initial=0))
    if highest > len(classes):
        where = int(np.flatnonzero((labels == highest).any(axis=(1, 2)))[0])
        raise McwssError(
            f"the corrected mask of {scan} has the label {highest} on slice {where}, which stands "
            f"for no class: expected 1 to {len(classes)} ({', '.join(classes)}); paint it over"
        )


def _strokes_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".nii.gz") + ".strokes.json")


def _record_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".nii.gz") + ".json")


def _write_record(path: Path, record: _Record) -> None:
    with replacing(_record_path(path)) as temporary:
        temporary.write_text(record.model_dump_json() + "\n", encoding="utf-8")


def _read_record(path: Path, study: Study) -> _Record:
    """Read the record of a mask; a mask without one was put there by hand."""
    file = _record_path(path)
    try:
        record = _Record.model_validate_json(file_bytes(file))
    except FileNotFoundError:
        return _Record(classes=study.class_names)
    except OSError as error:
        raise McwssError(f"cannot read '{file}': {error.strerror or error}") from error
    except ValidationError as error:
        raise McwssError(
            f"'{file}' is damaged: remove it, and check again that the mask is right"
        ) from error
    names = study.known_classes
    if not {*names.all_current(record.classes)} <= {*names.stored}:
        raise McwssError(
            f"'{path}' was painted for the classes {', '.join(record.classes)}, the study has "
            f"{', '.join(study.class_names)}: labels would change their meaning"
        )
    if not {*names.shown} <= {*names.all_current(record.classes)}:
        # Nobody has looked for a class that was added later.
        return record.model_copy(update={"right": False})
    return record
